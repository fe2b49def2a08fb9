//! Which service a configuration file is for: the one whose section it has.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_yaml::Value;
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
    /// What it configures.
    pub(crate) fn service(&self) -> &'static str {
        match self {
            Self::Relay(_) => "relay",
            Self::Sso(_) => "sso",
        }
    }

    /// That somebody starts another service with it.
    pub(crate) fn not_for(&self, service: &str, file: &Path) -> anyhow::Error {
        anyhow!(
            "\"{}\" configures {}, not {service}; start it with wickr-server {}",
            file.display(),
            self.service(),
            self.service()
        )
    }

    /// Where its store is.
    pub(crate) fn data(&self) -> &Path {
        match self {
            Self::Relay(config) => &config.data,
            Self::Sso(config) => &config.data,
        }
    }

    /// Reads the file; an error is the one of the service that its section names.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading \"{}\"", file.display()))?;
        let file_as_yaml: Value =
            serde_yaml::from_str(&text).with_context(|| format!("reading \"{}\"", file.display()))?;
        if file_as_yaml.get("sso").is_some() {
            return Ok(Self::Sso(SsoConfig::read(file)?));
        }
        Ok(Self::Relay(RelayConfig::read(file)?))
    }
}
