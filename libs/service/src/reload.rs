//! Certificates that are read again when their files change; a bad new file keeps the old ones.
//!
//! Files are compared by content: a Secret's mount swaps links, and times say little there.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;
use tokio::sync::watch;
use wickr_base::UnixMillis;
use wickr_pki::PkiError;

use crate::Gate;

/// Something made from files, made anew when they change.
pub struct Reloading<T> {
    name: &'static str,
    paths: Vec<PathBuf>,
    build: Box<Build<T>>,
    seen: Mutex<Vec<Vec<u8>>>,
    current: watch::Sender<Arc<T>>,
    gate: Gate,
    expires: Option<IntGauge>,
}

/// Makes the thing from the files' contents, and says when its certificate ends.
type Build<T> = dyn Fn(&[Vec<u8>]) -> Result<(Arc<T>, UnixMillis), PkiError> + Send + Sync;

/// What a look at the files found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// Nothing new.
    Unchanged,
    /// New content is in use.
    Swapped,
    /// New content can't be used, or a file can't be read; the old is still in use.
    Kept(String),
}

/// Why files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file can't be opened.
    #[error("reading \"{path}\"")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What stands in them doesn't do.
    #[error("using the {name} certificate in \"{path}\"")]
    Build {
        /// Which certificate.
        name: &'static str,
        /// The first of the files.
        path: PathBuf,
        /// Why.
        source: PkiError,
    },
}

/// What the service's task looks at every few seconds.
pub(crate) trait Poll: Send + Sync {
    fn poll(&self) -> Polled;
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Reads the files for the first time; here bad files are an error.
    pub(crate) fn load(
        name: &'static str,
        paths: Vec<PathBuf>,
        gate: Gate,
        expires: Option<IntGauge>,
        build: impl Fn(&[Vec<u8>]) -> Result<(Arc<T>, UnixMillis), PkiError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, FilesError> {
        let contents = read(&paths)?;
        let (first, not_after) = build(&contents).map_err(|source| FilesError::Build {
            name,
            path: paths.first().cloned().unwrap_or_default(),
            source,
        })?;
        if let Some(expires) = &expires {
            expires.set(not_after.seconds());
        }
        gate.open();
        let (seen, current) = (Mutex::new(contents), watch::Sender::new(first));
        Ok(Arc::new(Self { name, paths, build: Box::new(build), seen, current, gate, expires }))
    }

    /// What is in use now.
    pub fn current(&self) -> Arc<T> {
        self.current.borrow().clone()
    }

    /// The files' contents that what is in use was made from.
    pub(crate) fn contents(&self) -> Vec<Vec<u8>> {
        self.seen.lock().clone()
    }

    /// Follows what is in use.
    pub fn watch(&self) -> watch::Receiver<Arc<T>> {
        self.current.subscribe()
    }

    fn try_poll(&self) -> Result<Polled, FilesError> {
        let contents = read(&self.paths)?;
        let mut seen = self.seen.lock();
        if *seen == contents {
            return Ok(Polled::Unchanged);
        }
        let path = self.paths.first().cloned().unwrap_or_default();
        let (next, not_after) =
            (self.build)(&contents).map_err(|source| FilesError::Build { name: self.name, path, source })?;
        if let Some(expires) = &self.expires {
            expires.set(not_after.seconds());
        }
        self.current.send_replace(next);
        // Last, under the lock: whoever asks what is in use hears of it no sooner than it is.
        *seen = contents;
        Ok(Polled::Swapped)
    }
}

impl<T: Send + Sync + 'static> Poll for Reloading<T> {
    fn poll(&self) -> Polled {
        match self.try_poll() {
            Ok(polled) => {
                self.gate.open();
                polled
            }
            Err(error) => {
                let detail = format!("{}; the old one is still in use", causes(&error));
                self.gate.open_but(detail.clone());
                Polled::Kept(detail)
            }
        }
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, FilesError> {
    paths
        .iter()
        .map(|path| std::fs::read(path).map_err(|source| FilesError::Read { path: path.clone(), source }))
        .collect()
}

/// An error and what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        out.push_str(": ");
        out.push_str(&cause.to_string());
        source = cause.source();
    }
    out
}

impl<T> std::fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloading")
            .field("name", &self.name)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
