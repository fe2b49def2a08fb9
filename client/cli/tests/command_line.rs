//! The binary as a person meets it without a network: refusals in four parts, exit codes, completion.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::process::{Command, Output};

fn wickr(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_wickr"))
        .args(arguments)
        .env_clear()
        .env("HOME", folder.path())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn before_a_sign_in_every_command_says_how_to_sign_in_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [&["whoami"][..], &["send", "ops", "x"], &["read"], &["room", "list"], &["status"], &["devices"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_wickr"))
            .args(arguments)
            .env_clear()
            .env("HOME", folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", stderr(&output));
        for part in ["error: ", "where: ", "why: ", "next:  sign in with \"wickr login ADDRESS\""] {
            assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_failure_in_json_is_one_object_with_its_exit_code_named() {
    let output = wickr(&["whoami", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["exit"], "not-signed-in");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_command_line_that_cannot_be_read_ends_with_two() {
    for arguments in
        [&["nonsense"][..], &["room", "invite", "ops", "not-a-handle"], &["login", "https://x"], &[]]
    {
        assert_eq!(wickr(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(wickr(&["--help"]).status.code(), Some(0));
    assert_eq!(wickr(&["send", "-h"]).status.code(), Some(0));
}

#[test]
fn there_is_a_completion_script_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = wickr(&["completion", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("wickr"), "{shell}");
    }
}

#[test]
fn a_network_that_does_not_answer_is_told_apart_from_one_that_refuses() {
    let pin = "00".repeat(32);
    let address = format!("wickr://127.0.0.1:1/?root=sha256:{pin}");
    let output = wickr(&["login", &address]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("127.0.0.1:1"), "{}", stderr(&output));
}
