//! Issuers and address ranges: what may be reached, and on which port.

use std::net::IpAddr;

/// An issuer's host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuerAddress {
    /// DNS name, or address without brackets.
    pub(super) host: String,
    /// 443 when none is written.
    pub(super) port: u16,
}

/// Reads an issuer (OpenID Connect Discovery section 3): https, host, perhaps port and path, nothing else.
pub(super) fn issuer(text: &str) -> Result<IssuerAddress, &'static str> {
    let rest = text.strip_prefix("https://").ok_or("it does not start with https://")?;
    if rest.contains(['?', '#']) || text.chars().any(char::is_whitespace) {
        return Err("it has a query, a fragment or a space");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("it names a user");
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or("the bracket is not closed")?;
            (host, after.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = match port {
        Some(digits) => digits
            .parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("its port is no number from 1 to 65535")?,
        None => 443,
    };
    Ok(IssuerAddress { host: host.to_owned(), port })
}

/// Reads an address range in CIDR notation (RFC 4632, RFC 4291 section 2.3).
pub(super) fn cidr(text: &str) -> Result<IpAddr, &'static str> {
    let (address, bits) = text.split_once('/').ok_or("it is written as ADDRESS/BITS")?;
    let address: IpAddr = address.parse().map_err(|_| "it does not begin with an IP address")?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = bits.parse().map_err(|_| "it does not end with a number of bits")?;
    if bits > most { Err("it has more bits than its address") } else { Ok(address) }
}

/// Link-local addresses reach the node and cloud metadata: nothing of ours is ever there.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_gives_its_host_and_port() {
        let found = |text| issuer(text).map(|address| (address.host, address.port));
        assert_eq!(found("https://sso.hq.example:8443/realms/hq"), Ok(("sso.hq.example".to_owned(), 8443)));
        assert_eq!(found("https://sso.hq.example"), Ok(("sso.hq.example".to_owned(), 443)));
        assert_eq!(found("https://[fe80::1]:1/x"), Ok(("fe80::1".to_owned(), 1)));
        for bad in [
            "http://a",
            "https://",
            "https://a@b",
            "https://a?x",
            "https://a:0",
            "https://[::1",
            "https://a b",
        ] {
            assert!(issuer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_read_and_link_local_ones_recognised() {
        assert!(cidr("10.250.0.1/32").is_ok_and(|address| !is_link_local(address)));
        assert!(cidr("169.254.169.254/32").is_ok_and(is_link_local));
        assert!(cidr("fe80::/64").is_ok_and(is_link_local));
        assert!(cidr("::ffff:169.254.0.1/128").is_ok_and(is_link_local));
        for bad in ["10.0.0.1", "10.0.0.1/33", "::/129", "x/8", "10.0.0.0/x"] {
            assert!(cidr(bad).is_err(), "{bad}");
        }
    }
}
