//! The alerts fire when they should and only then, says promtool (which series, and when: ../alerts).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use wickr_chart::chart;
use wickr_cluster::prerequisites;

fn promtool(arguments: &[&str], files: &[PathBuf]) -> String {
    prerequisites::prometheus().unwrap();
    let output = Command::new("promtool").args(arguments).args(files).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn promtool_finds_no_fault_with_the_alerts() {
    let said = promtool(&["check", "rules"], &[chart().join("files/alerts.yaml")]);
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_alert_is_silent_and_fires_as_its_test_says() {
    let mut files: Vec<PathBuf> =
        fs::read_dir("tests/alerts").unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let said = promtool(&["test", "rules"], &files);
    assert_eq!(said.matches("SUCCESS").count(), files.len(), "{said}");
}
