//! How devices of a benchmark prove to the relay who they are: session tokens, and answers to its challenge.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use wickr_base::{Clock, Domain, SystemRng, UnixMillis};
use wickr_pki::session::{SessionClaims, issue_session_token};
use wickr_pki::{KeyMaterial, SigningKey, issue_token_signer};
use wickr_service::testing::{TestDevice, TestNetwork};
use wickr_wire::challenge_answer;
use wickr_wire::relay::Authenticate;

use super::connection::Proof;

/// Signs session tokens, as sso would.
pub(crate) struct TokenSigner {
    issuer: KeyMaterial,
    domain: Domain,
    now: UnixMillis,
}

impl TokenSigner {
    /// One of this network. Its tokens are good for 15 minutes from now on.
    pub(crate) fn new(network: &TestNetwork, clock: &dyn Clock) -> Result<Self> {
        let (domain, now) = (network.domain.clone(), clock.now());
        let issuer = issue_token_signer(&network.device_issuer, &domain, &SystemRng, now)
            .context("issuing a token signer")?;
        Ok(Self { issuer, domain, now })
    }

    /// How that device answers the relay's challenge; good for any number of connections.
    pub(crate) fn proof(&self, device: &TestDevice) -> Result<Proof> {
        let signer = self.issuer.signer(&[]).context("using the token signer")?;
        let (who, session) = ((device.user, device.device), "bench".to_owned());
        let claims = SessionClaims::new(self.domain.clone(), who, device.key.public(), session, self.now);
        let session_token = issue_session_token(&signer, &claims).context("signing a token")?;
        let pkcs8 = device.key.to_pkcs8().context("exporting the key")?;
        let key = SigningKey::from_pkcs8(pkcs8.expose()).context("reading the key")?;
        let certificate = Bytes::copy_from_slice(&device.certificate);
        let signed_in = AtomicU64::new(0);
        Ok(Box::new(move |challenge| {
            let store_revision = signed_in.fetch_add(1, Ordering::Relaxed) + 1;
            let hash = digest(&SHA256, session_token.as_bytes());
            let said = challenge_answer(&challenge.nonce, hash.as_ref(), store_revision);
            let signature = key.sign_der(&said).context("signing the challenge")?;
            Ok(Authenticate {
                session_token: session_token.clone(),
                signature: signature.into(),
                certificate: certificate.clone(),
                store_revision,
            })
        }))
    }
}
