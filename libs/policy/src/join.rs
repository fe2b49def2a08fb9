//! What a person is given to join a network: where it answers and which root to trust.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::split_authority;
use crate::{RootPin, ServiceUrl};

/// `wickr://HOST[:PORT]/?root=sha256:HEX`; the port is 443 when none is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JoinUrl {
    host: String,
    port: u16,
    root: RootPin,
}

/// Why a text is not a join address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a join address (wickr://HOST:PORT/?root=sha256:HEX): {why}")]
pub struct JoinUrlError {
    given: String,
    why: String,
}

impl JoinUrl {
    /// The address of the network that answers at `service` under the root with that pin.
    pub fn new(service: &ServiceUrl, root: RootPin) -> Self {
        Self { host: service.host().to_owned(), port: service.port(), root }
    }

    /// The host: a DNS name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pin of the root to trust.
    pub fn root(&self) -> RootPin {
        self.root
    }

    /// Where the network document is fetched.
    pub fn document_url(&self) -> String {
        format!("https://{}/.well-known/wickr-network", self.authority())
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for JoinUrl {
    type Err = JoinUrlError;

    fn from_str(text: &str) -> Result<Self, JoinUrlError> {
        let refuse =
            |why: &str| JoinUrlError { given: text.chars().take(160).collect(), why: why.to_owned() };
        let rest = text.strip_prefix("wickr://").ok_or_else(|| refuse("it starts with wickr://"))?;
        let (authority, query) = rest
            .split_once("/?")
            .or_else(|| rest.split_once('?'))
            .ok_or_else(|| refuse("after host and port stands /?root=sha256:HEX"))?;
        let (host, port) = split_authority(authority).map_err(refuse)?;
        let root = query.strip_prefix("root=").ok_or_else(|| refuse("its one parameter is root"))?;
        let root = root.parse().map_err(|error: crate::RootPinError| refuse(&error.to_string()))?;
        Ok(Self { host, port: port.unwrap_or(443), root })
    }
}

impl fmt::Display for JoinUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wickr://{}/?root={}", self.authority(), self.root)
    }
}

impl fmt::Debug for JoinUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for JoinUrl {
    type Error = JoinUrlError;
    fn try_from(text: String) -> Result<Self, JoinUrlError> {
        text.parse()
    }
}

impl From<JoinUrl> for String {
    fn from(url: JoinUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_printed_join_address_reads_back(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}", port in 1_u16.., pin in any::<[u8; 32]>()) {
            let service: ServiceUrl = format!("https://{host}:{port}").parse().unwrap();
            let url = JoinUrl::new(&service, RootPin(pin));
            prop_assert_eq!(url.to_string().parse(), Ok(url));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC{0,60}", tail in "\\PC{0,60}") {
            let _ = text.parse::<JoinUrl>();
            let _ = format!("wickr://{text}/?root={tail}").parse::<JoinUrl>();
            let _ = format!("https://{text}").parse::<ServiceUrl>();
            let _ = format!("https://[{text}]{tail}").parse::<ServiceUrl>();
            let _ = format!("sha256:{text}").parse::<RootPin>();
        }
    }

    #[test]
    fn an_address_of_ip_version_six_keeps_its_brackets() {
        let url = JoinUrl::new(&"https://[::1]:8443".parse().unwrap(), RootPin([1; 32]));
        assert!(url.to_string().starts_with("wickr://[::1]:8443/?root=sha256:01"));
        assert_eq!(url.to_string().parse(), Ok(url));
    }

    #[test]
    fn a_join_address_without_a_pin_or_with_more_than_a_pin_is_refused() {
        let pin = RootPin([1; 32]);
        assert!(format!("wickr://hq.example/?root={pin}").parse::<JoinUrl>().is_ok());
        for bad in [
            "wickr://hq.example:443/".to_owned(),
            "wickr://hq.example:443".to_owned(),
            format!("https://hq.example/?root={pin}"),
            format!("wickr://hq.example/?root={pin}&x=1"),
            format!("wickr://hq.example/path/?root={pin}"),
            format!("wickr://a@hq.example/?root={pin}"),
        ] {
            assert!(bad.parse::<JoinUrl>().is_err(), "{bad}");
        }
    }
}
