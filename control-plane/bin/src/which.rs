//! Which service a configuration file is for: the one whose section it has.

use std::path::Path;

use anyhow::{Context, Result};
use wickr_relay::RelayConfig;
use wickr_sso::SsoConfig;

/// A service's configuration.
pub(crate) enum Which {
    /// The relay's.
    Relay(RelayConfig),
    /// sso's.
    Sso(SsoConfig),
}

impl Which {
    /// Reads the file; an error is the one of the service that its section names.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading \"{}\"", file.display()))?;
        if text.lines().any(|line| line.starts_with("sso:")) {
            return Ok(Self::Sso(SsoConfig::read(file)?));
        }
        Ok(Self::Relay(RelayConfig::read(file)?))
    }
}
