//! The embedded store on a file system that loses what was not synced: nothing acknowledged is missing after a cut.
#![expect(clippy::unwrap_used, reason = "a test that can't go on says where")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use wickr_lossy_fs::{Disk, Mounted};
use wickr_scenarios::faults;

const STORE: &str = env!("CARGO_BIN_EXE_store-under-load");

/// Room and place to message.
type Log = BTreeMap<(u64, u64), String>;

fn read(line: &str) -> ((u64, u64), String) {
    let mut words = line.split(' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    let place = (number(), number());
    (place, words.next().unwrap().to_owned())
}

/// Writes until `enough` messages are acknowledged, then the power goes; gives everything that was acknowledged.
fn write_until_the_power_goes(disk: &Disk, folder: &Path, round: u64, enough: usize) -> Log {
    let mut store = Command::new(STORE)
        .args(["write".as_ref(), folder.as_os_str(), round.to_string().as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Log::new();
    let mut lines = BufReader::new(store.stdout.take().unwrap()).lines();
    for line in lines.by_ref().take(enough) {
        acknowledged.extend([read(&line.unwrap())]);
    }
    assert_eq!(acknowledged.len(), enough, "the store ended before the power did");
    disk.cut();
    store.kill().unwrap();
    acknowledged.extend(
        lines.map_while(Result::ok).filter(|line| line.split(' ').count() == 3).map(|line| read(&line)),
    );
    store.wait().unwrap();
    acknowledged
}

fn list(folder: &Path) -> Log {
    let output = Command::new(STORE).args(["list".as_ref(), folder.as_os_str()]).output().unwrap();
    assert!(
        output.status.success(),
        "the store doesn't open again: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().lines().map(read).collect()
}

#[test]
fn after_every_power_loss_all_that_was_acknowledged_is_there_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let mut acknowledged = Log::new();
    for round in 0..faults::tries(20) {
        let mounted = Mounted::new(&disk, folder.path()).unwrap();
        let enough = usize::try_from(50 + round * 37 % 400).unwrap();
        acknowledged.extend(write_until_the_power_goes(&disk, folder.path(), round, enough));
        mounted.unmount().unwrap();
        disk.restore();

        let mounted = Mounted::new(&disk, folder.path()).unwrap();
        let found = list(folder.path());
        mounted.unmount().unwrap();
        let missing: Vec<_> =
            acknowledged.iter().filter(|(place, id)| found.get(place) != Some(*id)).collect();
        assert!(
            missing.is_empty(),
            "cut {round}: {} of {} acknowledged are missing, first {:?}",
            missing.len(),
            acknowledged.len(),
            missing.first()
        );
    }
}
