//! Lints of all targets, all of them errors.

use anyhow::Result;

use crate::cargo::{cargo, pass};

pub(super) fn run() -> Result<()> {
    pass(cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ])?)
}
