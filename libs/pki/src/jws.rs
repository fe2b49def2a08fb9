//! Compact JWS (RFC 7515) with ES256 and nothing else; what is signed: `trust`, `session`, `dpop`.
//!
//! The type must be exactly the expected one, `crit` is refused whatever it names, and the payload can't be
//! seen before the signature was checked.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::CertificateDer;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::jwk::Jwk;
use crate::{PkiError, SigningKey, VerifyingKey};

/// Most bytes of a header, before and after base64 (chains are short).
const MOST_HEADER: usize = 16 * 1024;
/// Most certificates in a header.
const MOST_CHAIN: usize = 4;

/// Why a token was not made or not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than this kind of token may be.
    #[error("the token has {len} bytes; at most {limit} are read")]
    TooLong {
        /// Its length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// Not three parts of base64url without padding.
    #[error("the token is not a compact JWS: {0}")]
    Form(&'static str),
    /// The header can't be read.
    #[error("the token's header can't be read: {0}")]
    Header(serde_json::Error),
    /// Another algorithm than ES256.
    #[error("the token's algorithm is \"{0}\"; only ES256 is taken")]
    Algorithm(String),
    /// Another type than expected.
    #[error("the token's type is \"{given}\", not \"{expected}\"")]
    Type {
        /// What it says.
        given: String,
        /// What it should say.
        expected: &'static str,
    },
    /// An extension that must be understood.
    #[error("the token's header names critical extensions; none is known")]
    Critical,
    /// No chain, or too long a one.
    #[error("the token's header holds {0} certificates; 1 to 4 are taken")]
    Chain(usize),
    /// No public key, or one that is not P-256 or is private.
    #[error("the token's header holds no public P-256 key")]
    Key,
    /// The signature is wrong.
    #[error("the token's signature does not match its key")]
    Signature,
    /// The claims could not be written.
    #[error("writing the token's claims: {0}")]
    Claims(serde_json::Error),
    /// Signing failed.
    #[error("signing the token")]
    Sign(#[source] PkiError),
}

/// A private key and the certificates that are sent along, its own first.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    chain: Vec<CertificateDer<'static>>,
}

impl Signer {
    /// Puts the two together; see also `KeyMaterial::signer`.
    pub fn new(key: SigningKey, chain: Vec<CertificateDer<'static>>) -> Self {
        Self { key, chain }
    }

    /// The certificates, the signer's own first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

#[derive(Serialize)]
struct HeaderOut<'a> {
    typ: &'a str,
    alg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Jwk>,
}

#[derive(Deserialize)]
struct HeaderIn {
    typ: Option<String>,
    alg: String,
    #[serde(default)]
    x5c: Vec<String>,
    jwk: Option<Jwk>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
}

/// Signs `claims`, sending the signer's certificates along as `x5c`.
pub fn sign(signer: &Signer, typ: &'static str, claims: &impl Serialize) -> Result<String, JwsError> {
    let x5c = signer.chain.iter().map(|der| STANDARD.encode(der)).collect();
    write(&signer.key, &HeaderOut { typ, alg: "ES256", x5c: Some(x5c), jwk: None }, claims)
}

/// Signs `claims`, sending the bare public key along as `jwk`.
pub fn sign_with_key(
    key: &SigningKey,
    typ: &'static str,
    claims: &impl Serialize,
) -> Result<String, JwsError> {
    write(key, &HeaderOut { typ, alg: "ES256", x5c: None, jwk: Some(Jwk::of(key.public())) }, claims)
}

fn write(key: &SigningKey, header: &HeaderOut<'_>, claims: &impl Serialize) -> Result<String, JwsError> {
    let header = serde_json::to_vec(header).map_err(JwsError::Claims)?;
    let claims = serde_json::to_vec(claims).map_err(JwsError::Claims)?;
    let mut out = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign_fixed(out.as_bytes()).map_err(JwsError::Sign)?;
    out.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut out);
    Ok(out)
}

/// A token that was taken apart; nothing in it is believed yet.
#[derive(Debug)]
pub struct Unverified<'a> {
    signed: &'a str,
    payload: Vec<u8>,
    signature: [u8; 64],
    chain: Vec<CertificateDer<'static>>,
    jwk: Option<Jwk>,
}

/// Takes a token apart; refuses all but ES256 and the type expected.
pub fn parse<'a>(token: &'a str, typ: &'static str, limit: usize) -> Result<Unverified<'a>, JwsError> {
    if token.len() > limit {
        return Err(JwsError::TooLong { len: token.len(), limit });
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Form("it has no three parts"))?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Form("it has no three parts"))?;
    if header.len() > MOST_HEADER {
        return Err(JwsError::TooLong { len: header.len(), limit: MOST_HEADER });
    }
    let decode = |part: &str, why| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Form(why));
    let header: HeaderIn =
        serde_json::from_slice(&decode(header, "the header is no base64url")?).map_err(JwsError::Header)?;
    if header.alg != "ES256" {
        return Err(JwsError::Algorithm(header.alg.chars().take(40).collect()));
    }
    if header.typ.as_deref() != Some(typ) {
        let given = header.typ.unwrap_or_default().chars().take(80).collect();
        return Err(JwsError::Type { given, expected: typ });
    }
    if header.crit.is_some() || header.b64.is_some() {
        return Err(JwsError::Critical);
    }
    if header.x5c.len() > MOST_CHAIN {
        return Err(JwsError::Chain(header.x5c.len()));
    }
    let chain = header
        .x5c
        .iter()
        .map(|der| STANDARD.decode(der).map(CertificateDer::from))
        .collect::<Result<_, _>>()
        .map_err(|_| JwsError::Form("x5c is no base64"))?;
    let payload = decode(payload, "the payload is no base64url")?;
    let signature = decode(signature, "the signature is no base64url")?
        .try_into()
        .map_err(|_| JwsError::Form("the signature has not 64 bytes"))?;
    Ok(Unverified { signed, payload, signature, chain, jwk: header.jwk })
}

impl Unverified<'_> {
    /// The certificates sent along, the signer's own first; at least one.
    pub fn chain(&self) -> Result<&[CertificateDer<'static>], JwsError> {
        if self.chain.is_empty() { Err(JwsError::Chain(0)) } else { Ok(&self.chain) }
    }

    /// The bare public key sent along.
    pub fn key(&self) -> Result<VerifyingKey, JwsError> {
        self.jwk.as_ref().and_then(Jwk::key).ok_or(JwsError::Key)
    }

    /// The payload, when `key` signed it.
    pub fn open(self, key: &VerifyingKey) -> Result<Vec<u8>, JwsError> {
        key.verify_fixed(self.signed.as_bytes(), &self.signature).map_err(|_| JwsError::Signature)?;
        Ok(self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYP: &str = "test+jws";

    fn forged(key: &SigningKey, header: &serde_json::Value) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode("{}"));
        let signature = key.sign_fixed(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_signed_payload_opens_with_its_key_and_no_other() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let token = sign_with_key(&key, TYP, &["a"]).unwrap();
        let parsed = parse(&token, TYP, 4096).unwrap();
        assert_eq!(&parsed.key().unwrap(), key.public());
        assert_eq!(parsed.open(key.public()).unwrap(), b"[\"a\"]");
        let parsed = parse(&token, TYP, 4096).unwrap();
        assert!(matches!(parsed.open(other.public()), Err(JwsError::Signature)));
    }

    #[test]
    fn other_algorithms_types_and_critical_extensions_are_refused_although_well_signed() {
        let key = SigningKey::generate().unwrap();
        let refused = |header: serde_json::Value| parse(&forged(&key, &header), TYP, 4096).unwrap_err();
        for alg in ["none", "HS256", "es256", "ES384", ""] {
            let error = refused(serde_json::json!({"typ": TYP, "alg": alg}));
            assert!(matches!(error, JwsError::Algorithm(_)), "{alg}");
        }
        for typ in ["test", "TEST+JWS", ""] {
            let error = refused(serde_json::json!({"typ": typ, "alg": "ES256"}));
            assert!(matches!(error, JwsError::Type { .. }), "{typ}");
        }
        assert!(matches!(refused(serde_json::json!({"alg": "ES256"})), JwsError::Type { .. }));
        assert!(matches!(refused(serde_json::json!({"typ": TYP})), JwsError::Header(_)));
        for name in ["crit", "b64"] {
            let mut header = serde_json::json!({"typ": TYP, "alg": "ES256"});
            header[name] = serde_json::json!(["exp"]);
            assert!(matches!(refused(header), JwsError::Critical), "{name}");
        }
        let many = serde_json::json!({"typ": TYP, "alg": "ES256", "x5c": ["", "", "", "", ""]});
        assert!(matches!(refused(many), JwsError::Chain(5)));
        assert!(parse(&forged(&key, &serde_json::json!({"typ": TYP, "alg": "ES256"})), TYP, 4096).is_ok());
    }

    #[test]
    fn a_token_over_the_limit_is_not_even_taken_apart() {
        let token = sign_with_key(&SigningKey::generate().unwrap(), TYP, &"x".repeat(400)).unwrap();
        assert!(matches!(parse(&token, TYP, 400), Err(JwsError::TooLong { .. })));
    }

    #[test]
    fn padding_more_parts_and_stray_bits_are_refused() {
        let token = sign_with_key(&SigningKey::generate().unwrap(), TYP, &1).unwrap();
        for bad in
            [format!("{token}="), format!("{token}.x"), format!(".{token}"), String::new(), "..".to_owned()]
        {
            assert!(parse(&bad, TYP, 4096).is_err(), "{bad}");
        }
    }
}
