//! Licences, sources and banned crates, by cargo-deny, which is built into the cache the first time. deny.toml says what
//! is allowed. Advisories are left out: their database is not on every machine.

use std::process::Command;

use anyhow::Result;
use wickr_steps::{cache, progress};

use crate::cargo::{cargo, pass, root};

const VERSION: &str = "0.20.2";

pub(super) fn run() -> Result<()> {
    let home = cache()?.join(format!("cargo-deny-{VERSION}"));
    let program = home.join("bin/cargo-deny");
    if !program.exists() {
        progress::once(&format!("building cargo-deny {VERSION}"), "3 to 6 minutes on two cores", || {
            let mut install =
                cargo(&["install", "--quiet", "--locked", "cargo-deny", "--version", VERSION, "--root"])?;
            install.arg(&home).env_remove("CARGO_TARGET_DIR");
            pass(install)
        })?;
    }
    let mut deny = Command::new(program);
    deny.args(["--log-level", "error", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .current_dir(root()?);
    pass(deny)
}
