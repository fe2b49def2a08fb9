//! What can happen to a control plane: both programs are killed, and etcd is put back to an older state.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::ControlPlane;
use crate::command::{command, run};
use crate::process::Process;
use crate::wait;

/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(30);

/// etcd's data as it stood at one moment.
#[derive(Debug)]
pub struct EtcdCopy(PathBuf);

impl ControlPlane {
    /// Copies etcd's data while etcd stands still: what a snapshot of its disk at that moment would hold.
    pub fn copy_etcd(&self) -> Result<EtcdCopy> {
        let to = self.folder.join("etcd-copy");
        let etcd = self.etcd.context("etcd doesn't run")?;
        etcd.signal(Signal::STOP)?;
        let copied =
            run(&mut command("cp", ["--archive".as_ref(), self.etcd_data().as_os_str(), to.as_os_str()]));
        etcd.signal(Signal::CONT)?;
        copied.map(|_| EtcdCopy(to))
    }

    /// Ends API server and etcd, puts etcd's data back as they were, and starts both: revisions begin again at the
    /// older number, as after a restore that doesn't raise them.
    pub fn put_back(&mut self, copy: &EtcdCopy) -> Result<()> {
        kill(self.server.take())?;
        kill(self.etcd.take())?;
        let data = self.etcd_data();
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
        run(&mut command("cp", ["--archive".as_ref(), copy.0.as_os_str(), data.as_os_str()]))?;
        self.start_etcd()?;
        self.start_api_server()
    }
}

fn kill(process: Option<Process>) -> Result<()> {
    let Some(process) = process else { return Ok(()) };
    process.signal(Signal::KILL)?;
    // Until it is reaped: while threads of it still end it is a zombie that holds its port.
    let gone = || Process::of(process.id).map_or(true, |now| now != process);
    wait::until("a killed process to go", GONE, || Ok(gone().then_some(())))
}
