//! Where a service is reached: scheme, host and port, nothing else (with the root's pin: `join`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `https://HOST[:PORT]` or `wss://HOST[:PORT]`; no user, path, query or fragment, so paths can be appended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceUrl {
    text: String,
    authority_at: usize,
    host: String,
    port: u16,
}

/// Why a text is not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a service address: {why}")]
pub struct ServiceUrlError {
    given: String,
    why: &'static str,
}

impl ServiceUrl {
    /// As written, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host: a lower-case DNS name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 443 when none is written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `HOST[:PORT]` as written.
    pub fn authority(&self) -> &str {
        &self.text[self.authority_at..]
    }

    /// The same place under `https` with `path` (which starts with a slash) appended.
    pub fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.authority())
    }

    /// The same place under `wss` with `path` (which starts with a slash) appended.
    pub fn wss(&self, path: &str) -> String {
        format!("wss://{}{path}", self.authority())
    }
}

impl FromStr for ServiceUrl {
    type Err = ServiceUrlError;

    fn from_str(text: &str) -> Result<Self, ServiceUrlError> {
        let refuse = |why| ServiceUrlError { given: text.chars().take(120).collect(), why };
        let authority_at = ["https://", "wss://"]
            .into_iter()
            .find(|scheme| text.starts_with(scheme))
            .ok_or_else(|| refuse("it starts with https:// or wss://"))?
            .len();
        let authority = &text[authority_at..];
        let (host, port) = split_authority(authority).map_err(refuse)?;
        Ok(Self { text: text.to_owned(), authority_at, host, port: port.unwrap_or(443) })
    }
}

/// Host without brackets, and the port when one is written; refuses anything besides the two.
pub(crate) fn split_authority(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("the bracket around the address is not closed")?;
            let address: std::net::Ipv6Addr =
                host.parse().map_err(|_| "between the brackets stands no IPv6 address")?;
            let port = match after {
                "" => None,
                more => Some(more.strip_prefix(':').ok_or("after the bracket only :PORT may stand")?),
            };
            (address.to_string(), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (dns_host(host)?, Some(port)),
            None => (dns_host(authority)?, None),
        },
    };
    let port = port
        .map(|digits| {
            let number: u16 = digits.parse().map_err(|_| "the port is not a number from 1 to 65535")?;
            if number == 0 || number.to_string() != digits {
                return Err("the port is not a number from 1 to 65535");
            }
            Ok(number)
        })
        .transpose()?;
    Ok((host, port))
}

fn dns_host(host: &str) -> Result<String, &'static str> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(
            "the host is a DNS name in lower case, or an IP address, with nothing after it but a port",
        );
    }
    Ok(host.to_owned())
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ServiceUrl {
    type Error = ServiceUrlError;
    fn try_from(text: String) -> Result<Self, ServiceUrlError> {
        text.parse()
    }
}

impl From<ServiceUrl> for String {
    fn from(url: ServiceUrl) -> Self {
        url.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_its_host_and_port_and_takes_a_path() {
        let url: ServiceUrl = "wss://chat.hq.example:30443".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("chat.hq.example", 30443));
        assert_eq!(url.https("/v1/x"), "https://chat.hq.example:30443/v1/x");
        let url: ServiceUrl = "https://[::1]:8443".parse().unwrap();
        assert_eq!((url.host(), url.port(), url.authority()), ("::1", 8443, "[::1]:8443"));
        assert_eq!("https://127.0.0.1".parse::<ServiceUrl>().unwrap().port(), 443);
    }

    #[test]
    fn users_paths_queries_and_other_schemes_are_refused() {
        for bad in [
            "http://hq.example",
            "https://hq.example/",
            "https://a@hq.example",
            "https://hq.example?x",
            "https://hq.example#x",
            "https://hq.example:0",
            "https://hq.example:+1",
            "https://hq.example:65536",
            "https://HQ.example",
            "https://[::1",
            "https://[::1]x",
            "https://",
            "https:// hq.example",
        ] {
            assert!(bad.parse::<ServiceUrl>().is_err(), "{bad}");
        }
    }
}
