//! A control group of each cluster's own, in every hierarchy: two kubelets below one root would kill each other's pods.
//! Works with cgroup v1, hybrid and v2.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

/// The mounted hierarchies.
pub(crate) fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let groups = fields.filter(|fields| matches!(fields.get(2), Some(&("cgroup" | "cgroup2"))));
    Ok(groups.filter_map(|fields| fields.get(1).map(PathBuf::from)).collect())
}

/// Makes the group `name` everywhere, ready for a kubelet to divide.
pub(crate) fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        delegate(&hierarchy);
        let group = hierarchy.join(name);
        fs::create_dir_all(&group).with_context(|| {
            format!("control group {} can't be made: run where /sys/fs/cgroup is writable", group.display())
        })?;
        // In version 1 a new cpuset is empty, and nothing can run in it until it is filled.
        for file in
            ["cpuset.cpus", "cpuset.mems"].iter().filter(|_| !hierarchy.join("cgroup.controllers").exists())
        {
            if let Ok(all) = fs::read(hierarchy.join(file)) {
                fs::write(group.join(file), all)
                    .with_context(|| format!("filling {file} of {}", group.display()))?;
            }
        }
        delegate(&group);
    }
    Ok(())
}

/// Version 2: hands every controller there is down to the children. The kubelet names those that are then missing.
fn delegate(group: &Path) {
    let controllers = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    for controller in controllers.split_whitespace() {
        let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// Removes the group `name` everywhere, once its processes are gone.
pub(crate) fn remove(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let group = hierarchy.join(name);
        wait::until(&format!("{} to be empty", group.display()), Duration::from_secs(10), || {
            remove_tree(&group);
            Ok((!group.exists()).then_some(()))
        })?;
    }
    Ok(())
}

/// Only folders can be removed in a cgroup file system, and only from the leaves up.
fn remove_tree(group: &Path) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_tree(&entry.path());
    }
    let _ = fs::remove_dir(group);
}
