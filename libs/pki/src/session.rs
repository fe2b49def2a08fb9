//! Session tokens: what sso gives a device for 15 minutes and relay and sso check (the proof with it: `dpop`).

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use wickr_base::{DeviceId, Domain, UnixMillis, UserId};

use crate::check::check_signer;
use crate::jwk::thumbprint;
use crate::jws::{self, JwsError, Signer};
use crate::profile::TOKEN_SIGNER;
use crate::{PkiError, VerifyingKey};

const TYP: &str = "wickr-session+jwt";
/// Most bytes of a token: one certificate and a few claims.
const MOST: usize = 8 * 1024;
/// How far ahead of ours the signer's clock may be.
const AHEAD: Duration = Duration::from_mins(1);

/// How long a session token lives.
pub const SESSION_LIFE: Duration = Duration::from_mins(15);

/// What a session token says. Times are `NumericDate`s: whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// The network.
    pub iss: Domain,
    /// The person.
    pub sub: UserId,
    /// The device.
    pub dev: DeviceId,
    /// The key that the token is bound to.
    pub cnf: Confirmation,
    /// When it was signed.
    pub iat: i64,
    /// From when on it is nothing.
    pub exp: i64,
    /// The session, the same through all renewals.
    pub sid: String,
}

/// Which key a token is bound to (RFC 9449 section 6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// RFC 7638 thumbprint of the device's key, base64url.
    pub jkt: String,
}

/// Why a token doesn't hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// It is no token of this kind, or wrongly signed.
    #[error("the session token can't be taken")]
    Token(#[from] JwsError),
    /// Its signer is not one of ours.
    #[error("the session token's signer is not trusted")]
    Signer(#[source] PkiError),
    /// Its claims can't be read.
    #[error("the session token's claims can't be read: {0}")]
    Claims(serde_json::Error),
    /// It is another network's.
    #[error("the session token is of \"{given}\", not of \"{expected}\"")]
    Domain {
        /// What it says.
        given: Domain,
        /// What it should say.
        expected: Domain,
    },
    /// Its time is over: ask sso for a new one.
    #[error("the session token expired at {at}")]
    Expired {
        /// When.
        at: UnixMillis,
    },
    /// It was signed in the future.
    #[error("the session token is of {at}, which has not come")]
    Early {
        /// When.
        at: UnixMillis,
    },
    /// It is bound to another device's key.
    #[error("the session token is bound to another key")]
    Binding,
}

impl SessionClaims {
    /// Claims for a session of that device that begins now and lasts `SESSION_LIFE`.
    pub fn new(
        iss: Domain,
        (sub, dev): (UserId, DeviceId),
        key: &VerifyingKey,
        sid: String,
        now: UnixMillis,
    ) -> Self {
        let cnf = Confirmation { jkt: thumbprint(key) };
        Self { iss, sub, dev, cnf, iat: now.seconds(), exp: now.plus(SESSION_LIFE).seconds(), sid }
    }

    /// From when on it is nothing.
    pub fn expires_at(&self) -> UnixMillis {
        UnixMillis::from_seconds(self.exp)
    }

    /// Whether the token is bound to that key.
    pub fn check_key(&self, key: &VerifyingKey) -> Result<(), SessionError> {
        if self.cnf.jkt == thumbprint(key) { Ok(()) } else { Err(SessionError::Binding) }
    }
}

/// Signs a session token. The signer is that of `issue_token_signer`, its chain the one certificate.
pub fn issue_session_token(signer: &Signer, claims: &SessionClaims) -> Result<String, SessionError> {
    Ok(jws::sign(signer, TYP, claims)?)
}

/// Checks a session token at `now` against the device issuers. The caller then compares `cnf.jkt` with the
/// key that the request was signed with (`check_key`), and asks whether the device is revoked.
pub fn check_session_token(
    token: &str,
    device_anchors: &[CertificateDer<'_>],
    domain: &Domain,
    now: UnixMillis,
) -> Result<SessionClaims, SessionError> {
    let parsed = jws::parse(token, TYP, MOST)?;
    let (_, key) = check_signer(parsed.chain()?, device_anchors, Some(domain), TOKEN_SIGNER, now)
        .map_err(SessionError::Signer)?;
    let claims: SessionClaims = serde_json::from_slice(&parsed.open(&key)?).map_err(SessionError::Claims)?;
    if claims.iss != *domain {
        return Err(SessionError::Domain { given: claims.iss, expected: domain.clone() });
    }
    if claims.expires_at() <= now {
        return Err(SessionError::Expired { at: claims.expires_at() });
    }
    let issued_at = UnixMillis::from_seconds(claims.iat);
    if issued_at.since(now) > AHEAD {
        return Err(SessionError::Early { at: issued_at });
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Pki;

    fn token(pki: &Pki, by: &crate::KeyMaterial) -> String {
        let device = pki.uri.device().unwrap();
        let claims =
            SessionClaims::new(pki.domain.clone(), device, pki.device_key.public(), "s".to_owned(), pki.now);
        issue_session_token(&by.signer(&[]).unwrap(), &claims).unwrap()
    }

    fn check(pki: &Pki, token: &str, now: UnixMillis) -> Result<SessionClaims, SessionError> {
        check_session_token(token, std::slice::from_ref(&pki.device.certificate), &pki.domain, now)
    }

    #[test]
    fn a_token_tells_person_device_and_key_for_fifteen_minutes() {
        let pki = Pki::new();
        let token = token(&pki, &pki.token_signer);
        let claims = check(&pki, &token, pki.now).unwrap();
        assert_eq!(Some((claims.sub, claims.dev)), pki.uri.device());
        claims.check_key(pki.device_key.public()).unwrap();
        let other = crate::SigningKey::generate().unwrap();
        assert!(matches!(claims.check_key(other.public()), Err(SessionError::Binding)));
        let end = pki.now.plus(SESSION_LIFE);
        assert!(check(&pki, &token, UnixMillis(end.0 - 1)).is_ok());
        assert!(matches!(check(&pki, &token, end), Err(SessionError::Expired { .. })));
        let early = pki.now.minus(Duration::from_secs(61));
        assert!(matches!(check(&pki, &token, early), Err(SessionError::Early { .. })));
    }

    #[test]
    fn a_token_signed_by_the_hub_a_device_or_another_purpose_is_refused() {
        let pki = Pki::new();
        for by in [&pki.hub, &pki.document_signer, &pki.device] {
            assert!(matches!(check(&pki, &token(&pki, by), pki.now), Err(SessionError::Signer(_))));
        }
        let leaf = pki.device_leaf.clone();
        let key = crate::SigningKey::from_pkcs8(pki.device_key.to_pkcs8().unwrap().expose()).unwrap();
        let claims = SessionClaims::new(
            pki.domain.clone(),
            pki.uri.device().unwrap(),
            key.public(),
            "s".to_owned(),
            pki.now,
        );
        let forged = issue_session_token(&Signer::new(key, vec![leaf]), &claims).unwrap();
        assert!(matches!(check(&pki, &forged, pki.now), Err(SessionError::Signer(_))));
    }

    #[test]
    fn a_token_of_another_network_is_refused() {
        let (pki, other) = (Pki::new(), Pki::new());
        assert!(matches!(
            check(&pki, &token(&other, &other.token_signer), pki.now),
            Err(SessionError::Signer(_))
        ));
        let foreign: Domain = "field.example".parse().unwrap();
        let anchors = [pki.device.certificate.clone()];
        let token = token(&pki, &pki.token_signer);
        assert!(check_session_token(&token, &anchors, &foreign, pki.now).is_err());
    }
}
