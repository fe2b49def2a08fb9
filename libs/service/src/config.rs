//! The one configuration file of a service: YAML, unknown keys refused, secrets by path.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wickr_base::{Domain, Lifetime};

/// What every service is told, and the section of its own, `S`, under the service's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config<S> {
    /// The network.
    pub domain: Domain,
    /// The folder for everything that must survive a restart.
    pub data: PathBuf,
    /// Where it listens.
    #[serde(default)]
    pub listen: Listen,
    /// Its certificates.
    pub tls: Tls,
    /// The boot copy of the network document (JSON as at the well-known address).
    pub document: PathBuf,
    /// The network's root certificate, PEM; several while the root is being changed.
    pub root: PathBuf,
    /// How long running work may go on once the service is told to stop.
    #[serde(default = "default_drain")]
    pub drain: Lifetime,
    /// What only this service is told; in the file it is named like the service.
    #[serde(rename = "relay", alias = "sso")]
    pub service: S,
}

/// Where a service listens; `[::]` is every address, of IPv4 too.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Clients, TLS.
    pub public: SocketAddr,
    /// Operator and other services, mutual TLS.
    pub admin: SocketAddr,
    /// Probes and metrics, plain.
    pub metrics: SocketAddr,
}

/// Certificates by path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Shown to clients.
    pub public: KeyFiles,
    /// Shown to other services, and whom of them to trust.
    pub workload: WorkloadFiles,
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// A workload's certificate, its key and the workload issuers, PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
    /// Workload issuers.
    pub anchors: PathBuf,
}

/// Why a configuration was not read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be opened.
    #[error("reading the configuration \"{path}\"")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key is missing, unknown or has a value that can't be.
    #[error("the configuration \"{path}\", at \"{key}\": {why}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The key, like `tls.public.key`; `.` is the whole file.
        key: String,
        /// What is wrong with it.
        why: serde_yaml::Error,
    },
}

impl<S: DeserializeOwned> Config<S> {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let yaml = serde_yaml::Deserializer::from_str(&text);
        serde_path_to_error::deserialize(yaml).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            key: error.path().to_string(),
            why: error.into_inner(),
        })
    }
}

impl Default for Listen {
    fn default() -> Self {
        let at = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        Self { public: at(8443), admin: at(9443), metrics: at(9090) }
    }
}

fn default_drain() -> Lifetime {
    Lifetime::new(Duration::from_secs(20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Section {
        sso: String,
    }

    const GOOD: &str = "
domain: hq.example
data: /var/lib/wickr
listen: {public: '127.0.0.1:0'}
tls:
  public: {certificate: /tls/public/tls.crt, key: /tls/public/tls.key}
  workload: {certificate: /tls/w/tls.crt, key: /tls/w/tls.key, anchors: /tls/w/ca.crt}
document: /etc/wickr/document.json
root: /etc/wickr/root.crt
drain: 5s
relay: {sso: 'https://sso:9443'}
";

    fn read(text: &str) -> Result<Config<Section>, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path())
    }

    #[test]
    fn a_configuration_holds_the_common_keys_and_the_services_own_section() {
        let config = read(GOOD).unwrap();
        assert_eq!(config.service.sso, "https://sso:9443");
        assert_eq!((config.listen.public.port(), config.listen.admin.port()), (0, 9443));
        assert_eq!(config.drain.get(), Duration::from_secs(5));
    }

    #[test]
    fn an_unknown_key_is_refused_and_named_with_file_and_path() {
        let text = GOOD.replace("key: /tls/w/tls.key", "key: /tls/w/tls.key, pasword: x");
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains("tls.workload") && error.contains("pasword"), "{error}");
        let error = read(&GOOD.replace("{sso:", "{sos: 1, sso:")).unwrap_err().to_string();
        assert!(error.contains("sos"), "{error}");
        let error = read(&GOOD.replace("root:", "rot:")).unwrap_err().to_string();
        assert!(error.contains("rot"), "{error}");
        for no_service in ["service", "bots"] {
            let error = read(&GOOD.replace("relay:", &format!("{no_service}:"))).unwrap_err().to_string();
            assert!(error.contains(no_service), "{error}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_is_named_with_its_key() {
        let error = read(&GOOD.replace("drain: 5s", "drain: soon")).unwrap_err().to_string();
        assert!(error.contains("drain") && error.contains("soon"), "{error}");
        let error = Config::<Section>::read(Path::new("/nowhere.yaml")).unwrap_err().to_string();
        assert!(error.contains("/nowhere.yaml"), "{error}");
    }
}
