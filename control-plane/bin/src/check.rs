//! `wickr-server check`: would this configuration be taken.

use std::path::Path;

use anyhow::Result;

use crate::start;
use crate::which::Which;

/// Says which service it is for, or what is wrong.
pub(crate) fn run(config: &Path) -> Result<()> {
    let which = Which::read(config)?;
    let domain = match &which {
        Which::Relay(config) => &config.domain,
        Which::Sso(config) => &config.domain,
    };
    start::say(&format!("{} is a configuration of {} in {domain}", config.display(), which.service()))
}
