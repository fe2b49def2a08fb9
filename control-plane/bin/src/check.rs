//! `wickr-server check`: would this configuration be taken.

use std::path::Path;

use anyhow::Result;

use crate::start;
use crate::which::Which;

/// Says which service it is for, or what is wrong.
pub(crate) fn run(config: &Path) -> Result<()> {
    let (service, domain) = match Which::read(config)? {
        Which::Relay(config) => ("relay", config.domain),
        Which::Sso(config) => ("sso", config.domain),
    };
    start::say(&format!("{} is a configuration of {service} in {domain}", config.display()))
}
