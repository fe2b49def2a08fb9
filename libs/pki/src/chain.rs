//! The one place that asks webpki whether a chain holds (what kind of certificate it must be: `check`).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use wickr_base::UnixMillis;

use crate::PkiError;

/// ECDSA on P-256 with SHA-256, the only algorithm of certificates that we issue.
const OURS: &[&dyn SignatureVerificationAlgorithm] = &[webpki::aws_lc_rs::ECDSA_P256_SHA256];

/// What a certificate is used for in this check (extended key usage; required only where it is present).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// The certificate is shown by a client, or has no extended key usage.
    Client,
    /// The certificate is shown by a server.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS clients check servers"))]
    Server,
}

/// Checks that `leaf` chains through some of `between` to one of `anchors`, each valid at `at`.
/// An anchor may be an intermediate: its own issuer isn't looked for.
pub(crate) fn check_chain(
    leaf: &[u8],
    between: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'_>],
    at: UnixMillis,
    usage: Usage,
) -> Result<(), PkiError> {
    let leaf = CertificateDer::from(leaf);
    let end = EndEntityCert::try_from(&leaf).map_err(|error| PkiError::Certificate(error.to_string()))?;
    let anchors: Vec<_> =
        anchors.iter().map(anchor_from_trusted_cert).collect::<Result<_, _>>().map_err(PkiError::Anchor)?;
    let seconds = u64::try_from(at.seconds()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let usage = match usage {
        Usage::Client => KeyUsage::client_auth(),
        Usage::Server => KeyUsage::server_auth(),
    };
    end.verify_for_usage(OURS, &anchors, between, time, usage, None, None).map(drop).map_err(of)
}

fn of(error: webpki::Error) -> PkiError {
    let millis = |time: UnixTime| UnixMillis::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    match error {
        webpki::Error::CertExpired { time, not_after } => {
            PkiError::Expired { not_after: millis(not_after), now: millis(time) }
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            PkiError::NotYetValid { not_before: millis(not_before), now: millis(time) }
        }
        other => PkiError::Chain(other),
    }
}
