//! What a process holds: resident memory and open files, as the kernel tells.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::sleep;

use crate::row::resident;

/// Between looks at what is still open.
const LOOK: Duration = Duration::from_millis(100);

/// Until all connections are closed.
const LOOKS: usize = 600;

/// Files beside the connections: libraries, logs, the store.
const OTHER_FILES: u32 = 500;

/// Another process.
pub(crate) struct Process(u32);

/// What it held when nobody was connected.
pub(crate) struct AtRest {
    pub(crate) rss: u64,
    files: usize,
}

impl Process {
    pub(crate) fn of(process: u32) -> Self {
        Self(process)
    }

    pub(crate) fn resident(&self) -> Result<u64> {
        resident(self.0).context("reading the server's resident memory")
    }

    fn files(&self) -> Result<usize> {
        let folder = format!("/proc/{}/fd", self.0);
        Ok(fs::read_dir(&folder).with_context(|| format!("reading {folder}"))?.count())
    }

    /// Once the number of its open files no longer changes.
    pub(crate) async fn at_rest(&self) -> Result<AtRest> {
        let (mut files, mut same) = (self.files()?, 0);
        while same < 10 {
            sleep(LOOK).await;
            let now = self.files()?;
            same = if now == files { same + 1 } else { 0 };
            files = now;
        }
        Ok(AtRest { rss: self.resident()?, files })
    }

    /// Resident memory when as few files are open as before.
    pub(crate) async fn at_rest_again(&self, before: &AtRest) -> Result<u64> {
        for _ in 0..LOOKS {
            if self.files()? <= before.files + 10 {
                sleep(super::SETTLE).await;
                return self.resident();
            }
            sleep(LOOK).await;
        }
        bail!("the server keeps connections open that their other ends have closed")
    }
}

/// As many open files as the connections need, for this process and for those that it starts.
pub(crate) fn raise_open_files(connections: u32) -> Result<()> {
    let needed = u64::from(connections + OTHER_FILES);
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if now.maximum.is_some_and(|maximum| maximum < needed) {
        let maximum = now.maximum.unwrap_or(0);
        bail!(
            "{connections} connections need {needed} open files, and this machine allows {maximum} \
             (ulimit -Hn): raise that, or ask for fewer with --connections"
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: now.maximum })
        .context("raising the number of open files")
}
