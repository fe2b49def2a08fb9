//! The kernel's view of a cut: what was synced is there afterwards, what wasn't is not.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use wickr_lossy_fs::{Disk, Mounted};

#[test]
fn after_a_cut_only_synced_bytes_are_left_and_nothing_is_acknowledged_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let mounted = Mounted::new(&disk, folder.path()).unwrap();
    let path = folder.path().join("log");
    let mut log = File::create(&path).unwrap();
    log.write_all(b"kept").unwrap();
    log.sync_all().unwrap();
    log.write_all(b" lost").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"kept lost", "positive control: before the cut both are there");
    fs::write(folder.path().join("never-synced"), b"x").unwrap();

    disk.cut();
    log.write_all(b"late").unwrap_err();
    log.sync_all().unwrap_err();
    drop(log);
    mounted.unmount().unwrap();
    disk.restore();

    let mounted = Mounted::new(&disk, folder.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"kept");
    assert!(!folder.path().join("never-synced").exists());
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
    mounted.unmount().unwrap();
}
