//! ID tokens as the provider double makes them: right ones, and every wrong one that a test asks for.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wickr_pki::SigningKey;

/// What the token is signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Signing {
    /// The published key.
    #[default]
    Own,
    /// A key that nobody knows, under the published key's name.
    Foreign,
    /// Nothing: `alg` is `none`.
    None,
    /// HS256 with the client secret.
    ClientSecret,
    /// HS256 with the published public key as the secret (key confusion).
    PublicKey,
    /// The published key, under a name that is not published yet.
    Unpublished,
    /// RS256 with the published RSA key.
    Rsa,
    /// PS256 with the published RSA key.
    RsaPss,
}

/// Changes the header before it is signed.
pub(crate) type HeaderTwist = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Changes the claims before they are signed.
pub(crate) type TokenTwist = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// The provider's keys.
pub(crate) struct Keys {
    ec: SigningKey,
    foreign: SigningKey,
    rsa: aws_lc_rs::rsa::KeyPair,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        Self {
            ec: SigningKey::generate().unwrap(),
            foreign: SigningKey::generate().unwrap(),
            rsa: aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap(),
        }
    }

    /// The key set; `unpublished` adds the key's second name.
    pub(crate) fn jwks(&self, with_new: bool) -> Value {
        let mut keys = vec![self.ec_jwk("ec-1"), self.rsa_jwk(), json!({"kty": "future", "kid": "x"})];
        if with_new {
            keys.push(self.ec_jwk("ec-2"));
        }
        json!({ "keys": keys })
    }

    /// The public half of the key that signs as [`Signing::Foreign`], under that name.
    pub(crate) fn foreign_jwk(&self, kid: &str) -> Value {
        Self::jwk(&self.foreign, kid)
    }

    fn ec_jwk(&self, kid: &str) -> Value {
        Self::jwk(&self.ec, kid)
    }

    fn jwk(key: &SigningKey, kid: &str) -> Value {
        let point = key.public_point();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    fn rsa_jwk(&self) -> Value {
        use aws_lc_rs::signature::KeyPair as _;
        let public = self.rsa.public_key();
        json!({
            "kty": "RSA", "use": "sig", "kid": "rsa-1",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// `header` changes what the token says of its signature, not the signature.
    pub(crate) fn sign(
        &self,
        claims: &str,
        signing: Signing,
        header: Option<&HeaderTwist>,
        client_secret: &str,
    ) -> String {
        let (algorithm, kid) = match signing {
            Signing::Own | Signing::Foreign => ("ES256", "ec-1"),
            Signing::Unpublished => ("ES256", "ec-2"),
            Signing::None => ("none", "ec-1"),
            Signing::ClientSecret | Signing::PublicKey => ("HS256", "ec-1"),
            Signing::Rsa => ("RS256", "rsa-1"),
            Signing::RsaPss => ("PS256", "rsa-1"),
        };
        let mut told = json!({"alg": algorithm, "kid": kid, "typ": "JWT"});
        if let Some(twist) = header {
            twist(&mut told);
        }
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(told.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let hmac = |secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        };
        let signature = match signing {
            Signing::Own | Signing::Unpublished => self.ec.sign_fixed(signed.as_bytes()).unwrap().to_vec(),
            Signing::Foreign => self.foreign.sign_fixed(signed.as_bytes()).unwrap().to_vec(),
            Signing::None => Vec::new(),
            Signing::ClientSecret => hmac(client_secret.as_bytes()),
            Signing::PublicKey => hmac(self.ec.public().spki()),
            Signing::Rsa => self.rsa(&aws_lc_rs::signature::RSA_PKCS1_SHA256, signed.as_bytes()),
            Signing::RsaPss => self.rsa(&aws_lc_rs::signature::RSA_PSS_SHA256, signed.as_bytes()),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn rsa(&self, padding: &'static dyn aws_lc_rs::signature::RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(padding, &aws_lc_rs::rand::SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }
}
