//! Signing session tokens; the signer is made in memory and never written down. What a token says and how it is
//! checked: `wickr_pki::session`.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wickr_base::{Domain, Rng, UnixMillis};
use wickr_model::{Device, SessionId};
use wickr_pki::jws::Signer;
use wickr_pki::session::{SessionClaims, SessionError, issue_session_token};
use wickr_pki::{KeyMaterial, PkiError, TOKEN_SIGNER_LIFE, VerifyingKey, issue_token_signer, parse_leaf};
use wickr_wire::ProblemCode;

use crate::certificates::Issuer;
use crate::refused::Refusal;

/// How long before its end a signer is replaced: no token may outlive its signer's certificate.
const REPLACE_BEFORE: Duration = Duration::from_secs(TOKEN_SIGNER_LIFE.as_secs() / 2);

/// Why no session token was issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueTokenError {
    #[error("making a signer of session tokens")]
    Signer(#[source] PkiError),
    #[error("reading a device's key")]
    Key(#[source] PkiError),
    #[error("signing a session token")]
    Sign(#[source] SessionError),
}

impl Refusal for IssueTokenError {
    fn code(&self) -> ProblemCode {
        ProblemCode::Internal
    }
}

/// A session token and when it ends.
#[derive(Clone, Debug)]
pub(crate) struct SessionToken {
    pub(crate) token: String,
    pub(crate) expires_at: UnixMillis,
}

/// A signer and when it is used: not after the clock was set back before its certificate's beginning, either, and not
/// once another issuer has taken the place of the one that certified it.
#[derive(Debug)]
struct Current {
    signer: Arc<Signer>,
    issuer: Arc<KeyMaterial>,
    used: Range<UnixMillis>,
}

/// Signs session tokens under the device issuer.
#[derive(Debug)]
pub(crate) struct TokenSigner {
    domain: Domain,
    issuer: Issuer,
    current: Mutex<Option<Current>>,
}

impl TokenSigner {
    pub(crate) fn new(domain: Domain, issuer: Issuer) -> Self {
        Self { domain, issuer, current: Mutex::default() }
    }

    /// A token for `device` in that session.
    pub(crate) fn issue(
        &self,
        device: &Device,
        session: SessionId,
        rng: &dyn Rng,
        now: UnixMillis,
    ) -> Result<SessionToken, IssueTokenError> {
        let signer = self.signer(rng, now)?;
        let key = VerifyingKey::from_spki(&device.key.spki).map_err(IssueTokenError::Key)?;
        let whose = (device.user, device.id);
        let claims = SessionClaims::new(self.domain.clone(), whose, &key, session.to_string(), now);
        let token = issue_session_token(&signer, &claims).map_err(IssueTokenError::Sign)?;
        Ok(SessionToken { token, expires_at: claims.expires_at() })
    }

    fn signer(&self, rng: &dyn Rng, now: UnixMillis) -> Result<Arc<Signer>, IssueTokenError> {
        let issuer = self.issuer.borrow().clone();
        let mut current = self.current.lock();
        let holds = |held: &&Current| held.used.contains(&now) && Arc::ptr_eq(&held.issuer, &issuer);
        if let Some(current) = current.as_ref().filter(holds) {
            return Ok(Arc::clone(&current.signer));
        }
        let made = issue_token_signer(&issuer, &self.domain, rng, now).map_err(IssueTokenError::Signer)?;
        let leaf = parse_leaf(&made.certificate).map_err(IssueTokenError::Signer)?;
        let used = leaf.not_before..leaf.not_after.minus(REPLACE_BEFORE);
        let signer = Arc::new(made.signer(&[]).map_err(IssueTokenError::Signer)?);
        *current = Some(Current { signer: Arc::clone(&signer), issuer, used });
        Ok(signer)
    }
}
