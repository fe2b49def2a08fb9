//! The little machine that a cluster runs in: network, mount, process and IPC namespaces of its own, held by one first
//! process. When that ends, however it ends, the kernel ends all the others and drops their mounts: nothing is left over.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::command::{command, run};
use crate::network::namespace;
use crate::process::{Process, spawn};
use crate::wait;

/// Kernel settings that a kubelet changes. It gets private copies: the machine around it keeps its own.
const KERNEL_SETTINGS: &[&str] = &[
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// A running machine.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Waits outside until the machine is gone.
    keeper: Process,
    /// First process inside, as seen from outside.
    first: Process,
}

impl Machine {
    /// Starts the keeper, which makes the namespaces. Its process is to be recorded before [`Machine::enter`] is used.
    pub fn start(cluster: &str, pause: &Path, state: &Path) -> Result<Self> {
        let mut unshare = command("nsenter", [&format!("--net=/run/netns/{}", namespace(cluster))]);
        unshare.args([
            "unshare",
            "--mount",
            "--pid",
            "--ipc",
            "--fork",
            "--kill-child",
            "--propagation=slave",
            "--mount-proc",
        ]);
        unshare.arg(pause);
        let keeper = spawn(unshare, &state.join("log/machine.log"))?;
        // As the kernel names it, also where the cache lies behind a link.
        let pause = fs::canonicalize(pause).with_context(|| format!("finding {}", pause.display()))?;
        let first = wait::until("the first process of the machine", Duration::from_secs(10), || {
            let runs = |process: &Process| {
                fs::read_link(format!("/proc/{}/exe", process.id)).is_ok_and(|exe| exe == pause)
            };
            Ok(keeper.child().filter(runs))
        })?;
        let machine = Self { keeper, first };
        machine.furnish(state).context("furnishing the machine")?;
        Ok(machine)
    }

    /// A command that runs `program` inside.
    pub fn enter(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command("nsenter", [&format!("--target={}", self.first.id)]);
        command.args(["--mount", "--net", "--pid", "--ipc", "--"]).arg(program);
        command
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> bool {
        self.first.is_alive()
    }

    /// Its first process, for tests that reach into its namespaces by `/proc`.
    pub fn first(self) -> Process {
        self.first
    }

    /// Ends every process inside at once and waits until they are gone, and their mounts with them.
    pub fn stop(self) -> Result<()> {
        self.first.signal(rustix::process::Signal::KILL)?;
        self.keeper.stop(Duration::from_secs(30))
    }

    /// Mounts are shared among the machine's own processes, but /run, the pods' log links, what the network's programs
    /// remember and the kernel settings that a kubelet writes are not the outer machine's.
    fn furnish(self, state: &Path) -> Result<()> {
        let settings = state.join("sysctl");
        fs::create_dir_all(&settings).with_context(|| format!("making {}", settings.display()))?;
        let mut script =
            "set -e; mount --make-rshared /; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/log; mkdir -p /var/lib/cni; mount -t tmpfs tmpfs /var/lib/cni\n"
                .to_owned();
        for (index, name) in KERNEL_SETTINGS.iter().enumerate() {
            let (outer, copy) = (Path::new("/proc/sys").join(name), settings.join(index.to_string()));
            if let Ok(value) = fs::read(&outer) {
                fs::write(&copy, value).with_context(|| format!("writing {}", copy.display()))?;
                writeln!(script, "mount --bind '{}' '{}'", copy.display(), outer.display())
                    .context("a script")?;
            }
        }
        run(self.enter("sh").args(["-c", &script])).map(drop)
    }
}
