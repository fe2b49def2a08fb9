//! A directory on the data volume that a copy passes through on its way out of or into a pod: images have neither a
//! shell nor `tar`, so `kubectl exec` and a pipe are the way.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Gone when dropped; what one that was killed has left is removed by the next.
#[derive(Debug)]
pub(crate) struct Passing {
    directory: PathBuf,
    _lock: File,
}

impl Passing {
    /// Makes it in the data directory; one copy passes at a time.
    pub(crate) fn make(data: &Path) -> Result<Self> {
        let (path, directory) = (data.join("passing.lock"), data.join("passing"));
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("opening \"{}\"", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another backup or restore is under way here; let it end"),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking \"{}\"", path.display()));
            }
        }
        let passing = Self { directory, _lock: lock };
        passing.clear()?;
        std::fs::create_dir(&passing.directory).with_context(|| passing.doing("making"))?;
        Ok(passing)
    }

    /// Where the copy passes.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes a copy in from `from` under that name; says how many bytes.
    pub(crate) fn take(&self, name: &str, from: &mut dyn io::Read) -> Result<u64> {
        let path = self.directory.join(name);
        let taken = File::create(&path).and_then(|mut file| {
            let bytes = io::copy(from, &mut file)?;
            file.sync_all().map(|()| bytes)
        });
        let bytes = taken.with_context(|| format!("reading the copy into \"{}\"", path.display()))?;
        if bytes == 0 {
            bail!("nothing came on standard input: pipe a copy into it, and give kubectl exec the flag -i");
        }
        Ok(bytes)
    }

    /// Gives the copy of that name out to `to`; says how many bytes.
    pub(crate) fn give(&self, name: &str, to: &mut dyn io::Write) -> Result<u64> {
        let path = self.directory.join(name);
        let mut file = File::open(&path).with_context(|| format!("opening \"{}\"", path.display()))?;
        let bytes = io::copy(&mut file, to).context("writing the copy to standard output")?;
        to.flush().context("writing the copy to standard output")?;
        Ok(bytes)
    }

    fn clear(&self) -> Result<()> {
        match std::fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| self.doing("removing"))
            }
            _ => Ok(()),
        }
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} \"{}\"", self.directory.display())
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            let _closed = writeln!(io::stderr(), "{error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_passes_in_and_out_unchanged_and_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let copy: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let passing = Passing::make(data.path()).unwrap();
        assert_eq!(passing.take("copy", &mut copy.as_slice()).unwrap(), 100_000);
        let mut out = Vec::new();
        assert_eq!(passing.give("copy", &mut out).unwrap(), 100_000);
        assert!(out == copy);
        assert!(passing.take("empty", &mut io::empty()).is_err(), "a pipe that was forgotten");
        let directory = passing.directory().to_owned();
        drop(passing);
        assert!(!directory.exists());
    }

    #[test]
    fn one_passes_at_a_time_and_what_a_killed_one_left_is_removed() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("passing")).unwrap();
        std::fs::write(data.path().join("passing/half"), "half").unwrap();
        let first = Passing::make(data.path()).unwrap();
        assert!(!first.directory().join("half").exists());
        assert!(Passing::make(data.path()).unwrap_err().to_string().contains("under way"));
    }
}
