//! Formatting, by rustfmt.

use anyhow::Result;

use crate::cargo::{cargo, pass};

pub(super) fn run(write: bool) -> Result<()> {
    pass(cargo(if write { &["fmt", "--all"] } else { &["fmt", "--all", "--check"] })?)
}
