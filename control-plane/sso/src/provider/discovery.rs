//! What a provider says about itself: discovery document and keys (OpenID Connect Discovery 1.0). How the
//! answers are judged before a provider goes into service: `rehearsal`; how they stay fresh: `watch`.

use std::time::Duration;

use chrono::DateTime;
use http::header::{ACCEPT, DATE};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, DeviceAuthorizationUrl, HttpResponse, JsonWebKey as _,
    JwsSigningAlgorithm as _, ProviderMetadata, RevocationUrl,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wickr_base::{Clock, UnixMillis};

use super::answer::{fault, shown};
use super::door::{Door, DoorError};

/// Algorithms that an ID token may be signed with. Never `none`, never one with a shared secret: those would
/// let anybody who knows the client secret, or a public key used as one, make tokens.
pub(crate) const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Shortest RSA modulus of a signing key (NIST SP 800-131A).
const LEAST_RSA_BITS: usize = 2048;

/// Members of the discovery document that openidconnect doesn't know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MoreMetadata {
    /// RFC 8628 section 4.
    pub(crate) device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
    /// RFC 8414 section 2.
    pub(crate) revocation_endpoint: Option<RevocationUrl>,
    /// RFC 9207 section 3: it names itself in each answer that a browser brings, so one without is not its own.
    pub(crate) authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for MoreMetadata {}

pub(crate) type Metadata = ProviderMetadata<
    MoreMetadata,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Why a provider's own words could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("fetching \"{url}\": {source}")]
    Fetch { url: String, source: DoorError },
    #[error("\"{url}\" answered {status}")]
    Status { url: String, status: u16 },
    #[error("\"{url}\" can't be read: {why}")]
    Unreadable { url: String, why: String },
    #[error("the discovery document is of issuer \"{given}\", not of \"{expected}\"")]
    Issuer { given: String, expected: String },
    #[error("the discovery document names no {0}")]
    NoEndpoint(&'static str),
    #[error("its {name} \"{url}\" is not https")]
    NotHttps { name: &'static str, url: String },
    #[error(
        "none of the keys at \"{0}\" can check ID tokens (RSA of 2048 bits or more, P-256, P-384, Ed25519)"
    )]
    NoKeys(String),
}

/// A provider's discovery document, as it answered.
#[derive(Debug)]
pub(crate) struct Discovered {
    pub(crate) metadata: Metadata,
    /// The provider's clock minus ours, when it told its time.
    pub(crate) skew_ms: Option<i64>,
    pub(crate) answer: HttpResponse,
}

/// Everything that sign-ins need of a provider.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) metadata: Metadata,
    pub(crate) keys: CoreJsonWebKeySet,
    pub(crate) skew_ms: Option<i64>,
    pub(crate) at: UnixMillis,
}

impl Known {
    /// Whether it names itself in each answer that a browser brings (RFC 9207).
    pub(crate) fn names_itself(&self) -> bool {
        self.metadata.additional_metadata().authorization_response_iss_parameter_supported == Some(true)
    }
}

/// Fetches the discovery document of `issuer`; its issuer is compared by [`same_issuer`].
pub(crate) async fn discover(
    door: &Door,
    issuer: &str,
    clock: &dyn Clock,
) -> Result<Discovered, DiscoveryError> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let before = clock.now();
    let answer = get(door, &url).await?;
    let skew_ms = skew(&answer, before, clock.now());
    Ok(Discovered { metadata: read(&url, &answer)?, skew_ms, answer })
}

/// Compares the issuer byte for byte (OpenID Connect Discovery section 4.3).
pub(crate) fn same_issuer(metadata: &Metadata, issuer: &str) -> Result<(), DiscoveryError> {
    let given = metadata.issuer().as_str();
    if given == issuer {
        return Ok(());
    }
    Err(DiscoveryError::Issuer { given: shown(given), expected: issuer.to_owned() })
}

/// Every endpoint that we or the person's browser use must be there and be https.
pub(crate) fn endpoints(metadata: &Metadata) -> Result<(), DiscoveryError> {
    let token = metadata.token_endpoint().ok_or(DiscoveryError::NoEndpoint("token_endpoint"))?;
    let more = metadata.additional_metadata();
    let used = [
        ("authorization_endpoint", Some(metadata.authorization_endpoint().url())),
        ("token_endpoint", Some(token.url())),
        ("jwks_uri", Some(metadata.jwks_uri().url())),
        (
            "device_authorization_endpoint",
            more.device_authorization_endpoint.as_ref().map(DeviceAuthorizationUrl::url),
        ),
        ("revocation_endpoint", more.revocation_endpoint.as_ref().map(RevocationUrl::url)),
    ];
    for (name, url) in used {
        if let Some(url) = url.filter(|url| url.scheme() != "https") {
            return Err(DiscoveryError::NotHttps { name, url: shown(url.as_str()) });
        }
    }
    Ok(())
}

/// Fetches the provider's keys and keeps those that may check ID tokens.
pub(crate) async fn fetch_keys(
    door: &Door,
    metadata: &Metadata,
) -> Result<CoreJsonWebKeySet, DiscoveryError> {
    let url = metadata.jwks_uri().url().to_string();
    let set: CoreJsonWebKeySet = read(&url, &get(door, &url).await?)?;
    let usable: Vec<CoreJsonWebKey> = set.keys().iter().filter(|key| usable(key)).cloned().collect();
    if usable.is_empty() { Err(DiscoveryError::NoKeys(url)) } else { Ok(CoreJsonWebKeySet::new(usable)) }
}

async fn get(door: &Door, url: &str) -> Result<HttpResponse, DiscoveryError> {
    let unreadable = |why: String| DiscoveryError::Unreadable { url: url.to_owned(), why };
    let request = http::Request::get(url)
        .header(ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|error| unreadable(error.to_string()))?;
    let fetched = door.send(request).await;
    let answer = fetched.map_err(|source| DiscoveryError::Fetch { url: url.to_owned(), source })?;
    if answer.status() != http::StatusCode::OK {
        return Err(DiscoveryError::Status { url: url.to_owned(), status: answer.status().as_u16() });
    }
    Ok(answer)
}

fn read<T: DeserializeOwned>(url: &str, answer: &HttpResponse) -> Result<T, DiscoveryError> {
    serde_json::from_slice(answer.body())
        .map_err(|error| DiscoveryError::Unreadable { url: url.to_owned(), why: fault(&error) })
}

/// The `Date` of an answer minus our time halfway between request and answer. It has whole seconds, rounded
/// down, so half a second is added.
fn skew(answer: &HttpResponse, before: UnixMillis, after: UnixMillis) -> Option<i64> {
    let date = DateTime::parse_from_rfc2822(answer.headers().get(DATE)?.to_str().ok()?).ok()?;
    let ours = before.0.midpoint(after.0);
    Some(date.timestamp_millis().saturating_add(500).saturating_sub(ours))
}

/// Whether `skew_ms` is small enough to tell fresh tokens from old ones.
pub(crate) fn tolerable(skew_ms: i64, tolerance: Duration) -> bool {
    u128::from(skew_ms.unsigned_abs()) <= tolerance.as_millis()
}

fn usable(key: &CoreJsonWebKey) -> bool {
    let signs = key.key_use().is_none_or(openidconnect::JsonWebKeyUse::allows_signature);
    signs && ALGORITHMS.iter().any(|algorithm| fits(key, algorithm)) && long_enough(key)
}

/// Whether `key` can check signatures of `algorithm`.
pub(crate) fn fits(key: &CoreJsonWebKey, algorithm: &CoreJwsSigningAlgorithm) -> bool {
    let named = match key.signing_alg() {
        openidconnect::JsonWebKeyAlgorithm::Algorithm(named) => named == algorithm,
        openidconnect::JsonWebKeyAlgorithm::Unspecified => true,
        openidconnect::JsonWebKeyAlgorithm::Unsupported => false,
    };
    named && algorithm.key_type().as_ref() == Some(key.key_type())
}

fn long_enough(key: &CoreJsonWebKey) -> bool {
    use base64::Engine as _;
    let Ok(json) = serde_json::to_value(key) else { return false };
    let Some(modulus) = json.get("n").and_then(serde_json::Value::as_str) else { return true };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(modulus.trim_end_matches('='));
    bytes.is_ok_and(|bytes| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        (bytes.len() - zeros) * 8 >= LEAST_RSA_BITS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: serde_json::Value) -> CoreJsonWebKey {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn keys_for_encryption_shared_secrets_and_short_rsa_keys_are_left_out() {
        use base64::Engine as _;
        let n = |bytes: usize| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(vec![0xc5; bytes]);
        let rsa = |bytes, usage: &str| {
            key(serde_json::json!({"kty": "RSA", "n": n(bytes), "e": "AQAB", "use": usage, "kid": "k"}))
        };
        assert!(usable(&rsa(256, "sig")));
        assert!(!usable(&rsa(128, "sig")), "1024 bits");
        assert!(!usable(&rsa(256, "enc")));
        assert!(!usable(&key(serde_json::json!({"kty": "oct", "k": "c2VjcmV0", "use": "sig"}))));
    }

    #[test]
    fn skew_is_the_providers_clock_minus_ours() {
        let answer =
            http::Response::builder().header(DATE, "Sun, 06 Nov 1994 08:49:37 GMT").body(Vec::new()).unwrap();
        let provider = 784_111_777_000;
        assert_eq!(skew(&answer, UnixMillis(provider), UnixMillis(provider + 1_000)), Some(0));
        assert_eq!(
            skew(&answer, UnixMillis(provider + 60_000), UnixMillis(provider + 61_000)),
            Some(-60_000)
        );
        assert!(tolerable(-60_000, Duration::from_mins(1)));
        assert!(!tolerable(60_001, Duration::from_mins(1)));
    }

    #[test]
    fn no_algorithm_without_a_public_key_is_ever_allowed() {
        for algorithm in ALGORITHMS {
            assert!(!algorithm.uses_shared_secret());
            assert!(algorithm.key_type().is_some(), "not none");
        }
    }
}
