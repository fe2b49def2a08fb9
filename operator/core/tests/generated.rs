//! The generated files that are checked in are what their generators give. `WICKR_WRITE=1` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use std::path::Path;

use wickr_operator_core::generate::files;

#[test]
fn what_is_checked_in_is_what_the_types_and_tables_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in files().unwrap() {
        let path = root.join(file.path);
        if std::env::var_os("WICKR_WRITE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &file.text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == file.text, "{} is stale: run 'cargo xtask check drift --write'", file.path);
    }
}
