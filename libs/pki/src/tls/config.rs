//! The rustls configurations (who is believed: `verifier`).

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, Error, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, UnixTime};
use wickr_base::Clock;

use super::verifier::{FirstContact, WorkloadVerifier};
use super::{Identity, WorkloadTrust};
use crate::PkiError;

/// HTTP/2 in ALPN (RFC 9113 section 3.2).
pub const ALPN_H2: &[u8] = b"h2";
/// HTTP/1.1 in ALPN (RFC 7301 section 6), which WebSockets need.
pub const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Services speak only TLS 1.3 to each other: it hides the certificates of both.
static AMONG_OURSELVES: &[&SupportedProtocolVersion] = &[&TLS13];
static PUBLIC: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Which server a client expects.
#[derive(Clone, Debug)]
pub enum ServerTrust {
    /// One of these workloads, whatever host name was dialled.
    Workload(WorkloadTrust),
    /// The host name that was dialled, under one of these authorities (the network document names them).
    Hostname(Vec<CertificateDer<'static>>),
    /// Anybody. Only for fetching the network document by its pin, and for nothing else on that connection.
    FirstContact,
}

/// AWS-LC.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server's side; with `clients`, only those workloads get in. Resumption is off with clients, so that each
/// connection is judged anew.
pub fn server_config(
    identity: &Identity,
    clients: Option<WorkloadTrust>,
    alpn: &[&[u8]],
    clock: Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, PkiError> {
    let provider = provider();
    let versions = if clients.is_some() { AMONG_OURSELVES } else { PUBLIC };
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(ClockTime(clock)))
        .with_protocol_versions(versions)
        .map_err(|source| PkiError::Tls { step: "choosing versions", source })?;
    let mutual = clients.is_some();
    let builder = match clients {
        Some(trust) => {
            trust.check()?;
            builder.with_client_cert_verifier(Arc::new(WorkloadVerifier { trust, provider }))
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .map_err(|source| PkiError::Tls { step: "taking the certificate and its key", source })?;
    config.alpn_protocols = protocols(alpn);
    if mutual {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// A client's side; with `identity`, it shows that certificate when asked.
pub fn client_config(
    identity: Option<&Identity>,
    server: ServerTrust,
    alpn: &[&[u8]],
    clock: Arc<dyn Clock>,
) -> Result<ClientConfig, PkiError> {
    let provider = provider();
    let versions = if matches!(server, ServerTrust::Workload(_)) { AMONG_OURSELVES } else { PUBLIC };
    let builder = ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(ClockTime(clock)))
        .with_protocol_versions(versions)
        .map_err(|source| PkiError::Tls { step: "choosing versions", source })?;
    let builder = match server {
        ServerTrust::Workload(trust) => {
            trust.check()?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(WorkloadVerifier { trust, provider }))
        }
        ServerTrust::Hostname(authorities) => {
            builder.with_webpki_verifier(hostname_verifier(authorities, provider)?)
        }
        ServerTrust::FirstContact => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(FirstContact { provider }))
        }
    };
    let mut config = match identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|source| PkiError::Tls { step: "taking the certificate and its key", source })?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols(alpn);
    Ok(config)
}

impl WorkloadTrust {
    /// An unreadable anchor is found when the configuration is made, not at the first connection.
    fn check(&self) -> Result<(), PkiError> {
        self.anchors
            .iter()
            .try_for_each(|anchor| webpki::anchor_from_trusted_cert(anchor).map(drop))
            .map_err(PkiError::Anchor)
    }
}

fn hostname_verifier(
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, PkiError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|source| PkiError::Tls { step: "taking an authority", source })?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|error| {
        PkiError::Tls { step: "taking the authorities", source: Error::General(error.to_string()) }
    })
}

fn protocols(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.to_vec()).collect()
}

/// rustls asks this for the time, and this asks our Clock.
#[derive(Debug)]
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConnection, ServerConnection};
    use rustls_pki_types::ServerName;
    use wickr_base::{ManualClock, SpiffeId};

    use super::*;
    use crate::testing::{Pki, rng};
    use crate::tls::peer_workload;
    use crate::{issue_public_tls, issue_self_signed_tls, issue_workload};

    const DAY: Duration = Duration::from_hours(24);

    /// Both ends in memory: `Err` is the first refusal of either side.
    fn handshake(
        client: ClientConfig,
        server: Arc<ServerConfig>,
        name: &'static str,
    ) -> Result<(ClientConnection, ServerConnection), Error> {
        let mut client =
            ClientConnection::new(Arc::new(client), ServerName::try_from(name).unwrap()).unwrap();
        let mut server = ServerConnection::new(server).unwrap();
        for _ in 0..8 {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets()?;
            }
            let mut bytes = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        Ok((client, server))
    }

    struct Ends {
        pki: Pki,
        clock: Arc<ManualClock>,
    }

    impl Ends {
        fn new() -> Self {
            let pki = Pki::new();
            let clock = Arc::new(ManualClock::at(pki.now));
            Self { pki, clock }
        }

        fn id(&self, role: &str) -> SpiffeId {
            SpiffeId::new(self.pki.domain.clone(), role)
        }

        fn identity(&self, role: &str) -> Identity {
            let material =
                issue_workload(&self.pki.workload, &self.id(role), &[], &rng(), self.pki.now, DAY).unwrap();
            Identity::from_material(&material)
        }

        fn trust(&self, roles: &[&str]) -> WorkloadTrust {
            WorkloadTrust {
                anchors: vec![self.pki.workload.certificate.clone()],
                allowed: roles.iter().map(|role| self.id(role)).collect(),
            }
        }

        fn client(&self, role: Option<&str>, server: ServerTrust) -> ClientConfig {
            let identity = role.map(|role| self.identity(role));
            client_config(identity.as_ref(), server, &[ALPN_H2], self.clock.clone()).unwrap()
        }

        fn server(&self, role: &str, clients: Option<&[&str]>) -> Arc<ServerConfig> {
            let clients = clients.map(|roles| self.trust(roles));
            server_config(&self.identity(role), clients, &[ALPN_H2, ALPN_HTTP1], self.clock.clone()).unwrap()
        }
    }

    #[test]
    fn two_workloads_that_expect_each_other_meet_and_speak_http_2() {
        let ends = Ends::new();
        let client = ends.client(Some("operator"), ServerTrust::Workload(ends.trust(&["relay"])));
        let server = ends.server("relay", Some(&["operator"]));
        let (client, server) = handshake(client, server, "any.name").unwrap();
        assert_eq!(peer_workload(server.peer_certificates()), Some(ends.id("operator")));
        assert_eq!(peer_workload(client.peer_certificates()), Some(ends.id("relay")));
        assert_eq!(server.alpn_protocol(), Some(ALPN_H2));
    }

    #[test]
    fn a_workload_that_is_not_expected_is_refused_on_either_side() {
        let ends = Ends::new();
        let trust = |role| ServerTrust::Workload(ends.trust(&[role]));
        let client = ends.client(Some("sso"), trust("relay"));
        let error = handshake(client, ends.server("relay", Some(&["operator"])), "a.b").unwrap_err();
        assert!(error.to_string().contains("Workload {"), "{error}");
        let client = ends.client(Some("operator"), trust("sso"));
        assert!(handshake(client, ends.server("relay", Some(&["operator"])), "a.b").is_err());
        let client = ends.client(None, trust("relay"));
        assert!(handshake(client, ends.server("relay", Some(&["operator"])), "a.b").is_err());
    }

    #[test]
    fn the_same_name_under_another_authority_is_refused() {
        let (ends, other) = (Ends::new(), Ends::new());
        let client = other.client(Some("operator"), ServerTrust::Workload(ends.trust(&["relay"])));
        assert!(handshake(client, ends.server("relay", Some(&["operator"])), "a.b").is_err());
        let client = ends.client(Some("operator"), ServerTrust::Workload(other.trust(&["relay"])));
        assert!(handshake(client, ends.server("relay", Some(&["operator"])), "a.b").is_err());
    }

    #[test]
    fn a_certificate_ends_by_the_clock_that_was_given() {
        let ends = Ends::new();
        let client = || ends.client(Some("operator"), ServerTrust::Workload(ends.trust(&["relay"])));
        let (first, second) = (client(), client());
        let server = ends.server("relay", Some(&["operator"]));
        handshake(first, Arc::clone(&server), "a.b").unwrap();
        ends.clock.advance(DAY * 2);
        let error = handshake(second, server, "a.b").unwrap_err();
        assert_eq!(error, Error::InvalidCertificate(rustls::CertificateError::Expired));
    }

    #[test]
    fn a_public_server_is_known_by_its_host_name_under_the_named_authority() {
        let ends = Ends::new();
        let material =
            issue_public_tls(&ends.pki.workload, "chat.hq.example", &rng(), ends.pki.now, DAY).unwrap();
        let server =
            server_config(&Identity::from_material(&material), None, &[ALPN_HTTP1], ends.clock.clone())
                .unwrap();
        let client = |anchor: &crate::KeyMaterial| {
            let trust = ServerTrust::Hostname(vec![anchor.certificate.clone()]);
            client_config(None, trust, &[ALPN_HTTP1], ends.clock.clone()).unwrap()
        };
        handshake(client(&ends.pki.workload), Arc::clone(&server), "chat.hq.example").unwrap();
        assert!(handshake(client(&ends.pki.workload), Arc::clone(&server), "other.example").is_err());
        assert!(handshake(client(&ends.pki.device), Arc::clone(&server), "chat.hq.example").is_err());
        let mut first = ends.client(None, ServerTrust::FirstContact);
        first.alpn_protocols = protocols(&[ALPN_HTTP1]);
        handshake(first, server, "other.example").unwrap();
    }

    #[test]
    fn a_server_that_vouches_for_itself_is_trusted_by_who_was_told_its_certificate() {
        let ends = Ends::new();
        let own = |host| issue_self_signed_tls(host, &rng(), ends.pki.now, DAY).unwrap();
        let (hook, other) = (own("hook.system.svc"), own("hook.system.svc"));
        let client = |anchor: &crate::KeyMaterial| {
            let trust = ServerTrust::Hostname(vec![anchor.certificate.clone()]);
            client_config(None, trust, &[ALPN_H2], ends.clock.clone()).unwrap()
        };
        let server =
            server_config(&Identity::from_material(&hook), None, &[ALPN_H2], ends.clock.clone()).unwrap();
        handshake(client(&hook), Arc::clone(&server), "hook.system.svc").unwrap();
        assert!(handshake(client(&hook), Arc::clone(&server), "other.system.svc").is_err());
        assert!(handshake(client(&other), server, "hook.system.svc").is_err());
    }

    #[test]
    fn a_session_signer_or_a_member_service_is_no_client_however_good_its_chain() {
        let ends = Ends::new();
        let identity = Identity::from_material(&ends.pki.hub);
        let trust = ServerTrust::Workload(ends.trust(&["relay"]));
        let client = client_config(Some(&identity), trust, &[ALPN_H2], ends.clock.clone()).unwrap();
        assert!(handshake(client, ends.server("relay", Some(&["hub"])), "a.b").is_err());
    }

    #[test]
    fn no_authority_at_all_is_an_error_when_the_configuration_is_made() {
        let ends = Ends::new();
        let empty = ServerTrust::Hostname(Vec::new());
        assert!(client_config(None, empty, &[ALPN_H2], ends.clock.clone()).is_err());
        let broken = WorkloadTrust { anchors: vec![CertificateDer::from(vec![1, 2])], allowed: Vec::new() };
        assert!(client_config(None, ServerTrust::Workload(broken), &[ALPN_H2], ends.clock.clone()).is_err());
    }
}
