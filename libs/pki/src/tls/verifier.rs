//! The one verifier that knows SPIFFE ids (rustls checks no URI names), and the one for the first contact.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use wickr_base::{SpiffeId, UnixMillis};

use crate::PkiError;
use crate::chain::Usage;
use crate::check::check_workload_as;

/// Which workloads are expected at the other end, and whose word it takes.
#[derive(Clone, Debug)]
pub struct WorkloadTrust {
    /// Workload issuers.
    pub anchors: Vec<CertificateDer<'static>>,
    /// Who may be there; nobody else, however good the chain.
    pub allowed: Vec<SpiffeId>,
}

/// Checks chain and SPIFFE id of either side. The host name that was dialled says nothing: pods are reached
/// by address.
#[derive(Debug)]
pub(super) struct WorkloadVerifier {
    pub(super) trust: WorkloadTrust,
    pub(super) provider: Arc<CryptoProvider>,
}

impl WorkloadVerifier {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
        usage: Usage,
    ) -> Result<(), Error> {
        let chain: Vec<CertificateDer<'_>> = std::iter::once(leaf).chain(between).cloned().collect();
        let at = UnixMillis::from_seconds(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let id = check_workload_as(&chain, &self.trust.anchors, at, usage).map_err(of)?;
        if self.trust.allowed.contains(&id) {
            return Ok(());
        }
        Err(of(PkiError::Workload { id, expected: self.trust.allowed.clone() }))
    }
}

fn of(error: PkiError) -> Error {
    Error::InvalidCertificate(match error {
        PkiError::Expired { .. } => CertificateError::Expired,
        PkiError::NotYetValid { .. } => CertificateError::NotValidYet,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ClientCertVerifier for WorkloadVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates, now, Usage::Client)?;
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures!();
}

impl ServerCertVerifier for WorkloadVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now, Usage::Server)?;
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}

/// Believes every server certificate: only for fetching the network document, which the pin proves by itself,
/// before anything is known that could prove a server.
#[derive(Debug)]
pub(super) struct FirstContact {
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for FirstContact {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}
