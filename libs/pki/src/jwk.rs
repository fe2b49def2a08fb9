//! A P-256 public key as JSON (RFC 7517, RFC 7518 section 6.2) and its thumbprint.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::VerifyingKey;
use crate::describe::sha256;

/// A JWK of type EC on P-256.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    /// The private part, which no message may carry (RFC 9449 section 4.3, point 7).
    #[serde(default, skip_serializing)]
    d: Option<IgnoredAny>,
}

impl Jwk {
    /// The JWK of a key.
    pub fn of(key: &VerifyingKey) -> Self {
        let (x, y) = key.point()[1..].split_at(32);
        Self {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
            d: None,
        }
    }

    /// The key, when it is a public one on P-256.
    pub fn key(&self) -> Option<VerifyingKey> {
        if self.kty != "EC" || self.crv != "P-256" || self.d.is_some() {
            return None;
        }
        let mut point = vec![4];
        for coordinate in [&self.x, &self.y] {
            let bytes = URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|bytes| bytes.len() == 32)?;
            point.extend(bytes);
        }
        VerifyingKey::from_point(&point).ok()
    }
}

/// The key's thumbprint (RFC 7638), base64url: what a session token is bound to (`cnf.jkt`).
pub fn thumbprint(key: &VerifyingKey) -> String {
    let Jwk { kty, crv, x, y, .. } = Jwk::of(key);
    let canonical = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    /// The example of RFC 9449: the key of section 4.1 and its thumbprint in section 6.1.
    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        let jwk: Jwk = serde_json::from_str(
            r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
        )
        .unwrap();
        assert_eq!(thumbprint(&jwk.key().unwrap()), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn private_keys_other_curves_and_short_coordinates_are_refused() {
        let good = serde_json::to_value(Jwk::of(SigningKey::generate().unwrap().public())).unwrap();
        let key = |value: serde_json::Value| serde_json::from_value::<Jwk>(value).unwrap().key();
        assert!(key(good.clone()).is_some());
        for (name, value) in
            [("d", "AAAA"), ("crv", "P-384"), ("kty", "RSA"), ("x", "AAAA"), ("y", "!"), ("x", "")]
        {
            let mut bad = good.clone();
            bad[name] = serde_json::json!(value);
            assert!(key(bad).is_none(), "{name}");
        }
    }
}
