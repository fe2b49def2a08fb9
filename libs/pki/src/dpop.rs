//! DPoP proofs (RFC 9449): a request is the holder's of a key. Made by clients, checked by services.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use wickr_base::{Rng, UnixMillis};

use crate::describe::sha256;
use crate::jwk::thumbprint;
use crate::jws::{self, JwsError};
use crate::{SigningKey, VerifyingKey};

const TYP: &str = "dpop+jwt";
/// Most bytes of a proof.
const MOST: usize = 4096;
/// Most bytes of a proof's id.
const MOST_ID: usize = 128;

/// How far a proof's time may lie from ours, before and after, unless a service says otherwise.
pub const WINDOW: Duration = Duration::from_mins(1);

/// The request that a proof is for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method, upper-case.
    pub method: &'a str,
    /// The address; query and fragment don't count.
    pub url: &'a str,
    /// The session token that goes with it, where there is one.
    pub token: Option<&'a str>,
}

/// A proof that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose it is.
    pub key: VerifyingKey,
    /// That key's thumbprint, to compare with `cnf.jkt`.
    pub thumbprint: String,
    /// The proof's id. Who takes proofs remembers (thumbprint, jti) for twice the window and refuses a second one.
    pub jti: String,
    /// When it was made, by the maker's clock.
    pub issued_at: UnixMillis,
}

/// Why a proof doesn't hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DpopError {
    /// It is no token of this kind, or not signed by the key in it.
    #[error("the DPoP proof can't be taken")]
    Token(#[from] JwsError),
    /// Its claims can't be read.
    #[error("the DPoP proof's claims can't be read: {0}")]
    Claims(serde_json::Error),
    /// It is for another method.
    #[error("the DPoP proof is for \"{given}\", the request is \"{expected}\"")]
    Method {
        /// What it says.
        given: String,
        /// What the request is.
        expected: String,
    },
    /// It is for another address.
    #[error("the DPoP proof is for \"{given}\", the request is for \"{expected}\"")]
    Url {
        /// What it says.
        given: String,
        /// What the request is.
        expected: String,
    },
    /// Its time is too far from ours.
    #[error("the DPoP proof is of {given}, it is {now}: set the device's clock")]
    Time {
        /// What it says.
        given: UnixMillis,
        /// Our time.
        now: UnixMillis,
    },
    /// It has no id, or too long a one.
    #[error("the DPoP proof's jti is empty or longer than 128 bytes")]
    Id,
    /// It is not bound to the token that came with it, or bound to one where none came.
    #[error("the DPoP proof is not bound to the session token of this request")]
    Binding,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
}

/// Makes a proof for one request.
pub fn make_proof(
    key: &SigningKey,
    request: Request<'_>,
    rng: &dyn Rng,
    now: UnixMillis,
) -> Result<String, DpopError> {
    let claims = Claims {
        jti: URL_SAFE_NO_PAD.encode(rng.bytes::<16>()),
        htm: request.method.to_owned(),
        htu: without_query(request.url).to_owned(),
        iat: now.seconds(),
        ath: request.token.map(token_hash),
    };
    Ok(jws::sign_with_key(key, TYP, &claims)?)
}

/// Checks a proof for the request it came with. The caller refuses one whose `jti` it has seen, and compares
/// the thumbprint with the one that the session token is bound to.
pub fn check_proof(
    proof: &str,
    request: Request<'_>,
    now: UnixMillis,
    window: Duration,
) -> Result<Proof, DpopError> {
    let parsed = jws::parse(proof, TYP, MOST)?;
    let key = parsed.key()?;
    let claims: Claims = serde_json::from_slice(&parsed.open(&key)?).map_err(DpopError::Claims)?;
    if claims.htm != request.method {
        return Err(DpopError::Method { given: cut(&claims.htm), expected: request.method.to_owned() });
    }
    if normal(&claims.htu) != normal(request.url) {
        return Err(DpopError::Url { given: cut(&claims.htu), expected: request.url.to_owned() });
    }
    let issued_at = UnixMillis::from_seconds(claims.iat);
    // A second more, because `iat` is in whole seconds, rounded down.
    let reach = window.saturating_add(Duration::from_secs(1));
    if now.since(issued_at) > reach || issued_at.since(now) > reach {
        return Err(DpopError::Time { given: issued_at, now });
    }
    if claims.jti.is_empty() || claims.jti.len() > MOST_ID {
        return Err(DpopError::Id);
    }
    if claims.ath != request.token.map(token_hash) {
        return Err(DpopError::Binding);
    }
    let thumbprint = thumbprint(&key);
    Ok(Proof { key, thumbprint, jti: claims.jti, issued_at })
}

fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()))
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

fn without_query(url: &str) -> &str {
    url.find(['?', '#']).map_or(url, |end| &url[..end])
}

/// The address in one spelling (RFC 3986 section 6.2.3): scheme and authority in lower case, no default port,
/// at least a slash as path, no query, no fragment.
fn normal(url: &str) -> String {
    let url = without_query(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let default = match scheme.as_str() {
        "https" | "wss" => ":443",
        _ => ":80",
    };
    format!("{scheme}://{}{path}", authority.strip_suffix(default).unwrap_or(&authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_500);
    const REQUEST: Request<'static> =
        Request { method: "POST", url: "https://id.hq.example:8443/v1/session", token: Some("token") };

    fn made(request: Request<'_>) -> (SigningKey, String) {
        let key = SigningKey::generate().unwrap();
        let proof = make_proof(&key, request, &SeededRng::new(1), NOW).unwrap();
        (key, proof)
    }

    #[test]
    fn a_proof_holds_for_its_request_and_tells_whose_it_is() {
        let (key, proof) = made(REQUEST);
        let checked = check_proof(&proof, REQUEST, NOW, WINDOW).unwrap();
        assert_eq!((&checked.key, checked.thumbprint), (key.public(), thumbprint(key.public())));
        assert_eq!(checked.issued_at, UnixMillis(1_800_000_000_000));
    }

    #[test]
    fn a_proof_holds_for_no_other_method_address_or_token() {
        let (_, proof) = made(REQUEST);
        let refused = |request| check_proof(&proof, request, NOW, WINDOW).unwrap_err();
        assert!(matches!(refused(Request { method: "GET", ..REQUEST }), DpopError::Method { .. }));
        for url in [
            "https://id.hq.example/v1/session",
            "http://id.hq.example:8443/v1/session",
            "https://id.hq.example:8443/v1/Session",
            "https://evil.example:8443/v1/session",
        ] {
            assert!(matches!(refused(Request { url, ..REQUEST }), DpopError::Url { .. }), "{url}");
        }
        for token in [Some("other"), None] {
            assert!(matches!(refused(Request { token, ..REQUEST }), DpopError::Binding));
        }
        let (_, unbound) = made(Request { token: None, ..REQUEST });
        assert!(matches!(check_proof(&unbound, REQUEST, NOW, WINDOW), Err(DpopError::Binding)));
    }

    #[test]
    fn query_fragment_case_of_the_host_and_default_port_make_no_difference() {
        let url = "https://id.hq.example/v1/x";
        let (_, proof) = made(Request { url: "HTTPS://ID.hq.example:443/v1/x?a=b#c", ..REQUEST });
        check_proof(&proof, Request { url, ..REQUEST }, NOW, WINDOW).unwrap();
        assert_eq!(normal("https://a"), normal("https://a:443/"));
        assert_ne!(normal("https://a:4433/"), normal("https://a/"));
    }

    #[test]
    fn a_proof_holds_only_around_the_time_it_was_made() {
        let (_, proof) = made(REQUEST);
        let at = |now| check_proof(&proof, REQUEST, now, WINDOW);
        assert!(at(NOW.plus(Duration::from_mins(1))).is_ok());
        assert!(at(NOW.minus(Duration::from_mins(1))).is_ok());
        assert!(matches!(at(NOW.plus(Duration::from_secs(62))), Err(DpopError::Time { .. })));
        assert!(matches!(at(NOW.minus(Duration::from_secs(62))), Err(DpopError::Time { .. })));
    }

    #[test]
    fn two_proofs_for_one_request_differ_in_their_id() {
        let (key, rng) = (SigningKey::generate().unwrap(), SeededRng::new(1));
        let id = || {
            let proof = make_proof(&key, REQUEST, &rng, NOW).unwrap();
            check_proof(&proof, REQUEST, NOW, WINDOW).unwrap().jti
        };
        assert_ne!(id(), id());
    }
}
