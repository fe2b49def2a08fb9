//! `cargo xtask images`: builds the images' command line and hands over. It is in `e2e/images/src/bin/images.rs`.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::cargo::{cargo, pass};

/// Build the services' images and their bills of materials.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// `--help` tells them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds what is missing, then hands over.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut images =
        cargo(&["run", "--quiet", "--locked", "--package", "wickr-images", "--bin", "images", "--"])?;
    images.args(&arguments.arguments);
    pass(images)
}
