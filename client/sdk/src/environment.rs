//! What the client is given instead of asking the system: time, randomness, patience, addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use wickr_base::{Clock, Rng, SystemClock, SystemRng};

use crate::timings::Timings;

/// The world as the client sees it.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids, keys and delays.
    pub rng: Arc<dyn Rng>,
    /// How long things take and wait.
    pub timings: Timings,
    /// Host names whose addresses are given instead of looked up.
    pub resolve: Resolve,
}

impl Environment {
    /// The machine's own time and randomness, and the usual patience.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            timings: Timings::default(),
            resolve: Resolve::default(),
        }
    }
}

/// Host -> address, like curl's `--resolve`: where to connect; names and certificates are checked as ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolve(BTreeMap<String, IpAddr>);

/// One `HOST:ADDRESS` pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveEntry {
    host: String,
    address: IpAddr,
}

/// Why a text is no such pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not HOST:ADDRESS, like chat.hq.example:10.0.0.7 or chat.hq.example:[fd00::7]")]
pub struct ResolveError {
    given: String,
}

impl FromStr for ResolveEntry {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        let refuse = || ResolveError { given: text.chars().take(120).collect() };
        let (host, address) = text.split_once(':').ok_or_else(refuse)?;
        let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        if host.is_empty() {
            return Err(refuse());
        }
        Ok(Self { host: host.to_ascii_lowercase(), address: address.parse().map_err(|_| refuse())? })
    }
}

impl FromIterator<ResolveEntry> for Resolve {
    fn from_iter<I: IntoIterator<Item = ResolveEntry>>(entries: I) -> Self {
        Self(entries.into_iter().map(|entry| (entry.host, entry.address)).collect())
    }
}

impl Resolve {
    /// The address given for `host`.
    pub fn address(&self, host: &str) -> Option<IpAddr> {
        self.0.get(&host.to_ascii_lowercase()).copied()
    }

    /// All pairs.
    pub fn entries(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        self.0.iter().map(|(host, address)| (host.as_str(), *address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_address_is_found_whatever_the_case_of_the_host() {
        let resolve: Resolve = ["Chat.HQ.example:10.0.0.7", "six.example:[fd00::7]", "bare.example:fd00::8"]
            .iter()
            .map(|text| text.parse::<ResolveEntry>().unwrap())
            .collect();
        assert_eq!(resolve.address("chat.hq.EXAMPLE"), Some("10.0.0.7".parse().unwrap()));
        assert_eq!(resolve.address("six.example"), Some("fd00::7".parse().unwrap()));
        assert_eq!(resolve.address("bare.example"), Some("fd00::8".parse().unwrap()));
        assert_eq!(resolve.address("other.example"), None);
        assert!("chat.hq.example".parse::<ResolveEntry>().is_err());
        assert!("chat.hq.example:443:10.0.0.7".parse::<ResolveEntry>().is_err());
    }
}
