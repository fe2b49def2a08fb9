//! P-256 keys: signing and checking, and the raw forms that MLS and JOSE want (with a certificate: `material`).

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair,
    ParsedPublicKey, UnparsedPublicKey,
};
use wickr_base::Secret;
use zeroize::Zeroize as _;

use crate::PkiError;

/// What stands before the point in a P-256 `SubjectPublicKeyInfo` (RFC 5480 section 2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A private key for ECDSA on P-256 with SHA-256.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: VerifyingKey,
}

/// A public key for ECDSA on P-256 with SHA-256; the point is on the curve.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey {
    spki: [u8; 91],
}

impl SigningKey {
    /// A new key from AWS-LC's generator (it takes no other source of randomness).
    pub fn generate() -> Result<Self, PkiError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| PkiError::Generate)?;
        Self::of(pair)
    }

    /// From unencrypted PKCS#8 (RFC 5958).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, PkiError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map_err(|_| PkiError::PrivateKey("PKCS#8"))?;
        Self::of(pair)
    }

    /// From an MLS signature key pair: the scalar, big-endian, as mls-rs hands it out (leading zero bytes may
    /// be missing), and the uncompressed point.
    pub fn from_mls(scalar: &[u8], point: &[u8]) -> Result<Self, PkiError> {
        const WHAT: &str = "an MLS key pair (scalar and point)";
        let mut padded = left_pad(scalar).ok_or(PkiError::PrivateKey(WHAT))?;
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &padded, point)
                .map_err(|_| PkiError::PrivateKey(WHAT));
        padded.zeroize();
        Self::of(pair?)
    }

    fn of(pair: EcdsaKeyPair) -> Result<Self, PkiError> {
        let public = VerifyingKey::from_point(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }

    /// As PKCS#8, the form in which keys are kept.
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, PkiError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| PkiError::PrivateKey("PKCS#8"))?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// The raw scalar, 32 bytes big-endian with its leading zeros: an MLS signature secret (RFC 9420 section 5.1).
    pub fn to_mls_scalar(&self) -> Result<Secret<[u8; 32]>, PkiError> {
        const WHAT: &str = "the form that MLS wants";
        let scalar = self.pair.private_key().as_be_bytes().map_err(|_| PkiError::PrivateKey(WHAT))?;
        left_pad(scalar.as_ref()).map(Secret::new).ok_or(PkiError::PrivateKey(WHAT))
    }

    /// The public half.
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The uncompressed point, 65 bytes: an MLS signature public key.
    pub fn public_point(&self) -> &[u8] {
        self.public.point()
    }

    /// A signature in DER (RFC 3279 section 2.2.3), as X.509, TLS and MLS want it.
    pub fn sign_der(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| PkiError::Sign)?;
        Ok(signature.as_ref().to_vec())
    }

    /// A signature of 64 bytes, r and s (RFC 7518 section 3.4), as JOSE wants it.
    pub fn sign_fixed(&self, message: &[u8]) -> Result<[u8; 64], PkiError> {
        fixed_of_der(&self.sign_der(message)?).ok_or(PkiError::Sign)
    }
}

/// The 64-byte form of a signature that AWS-LC just made in DER.
fn fixed_of_der(der: &[u8]) -> Option<[u8; 64]> {
    fn integer(der: &[u8]) -> Option<([u8; 32], &[u8])> {
        let [0x02, length, rest @ ..] = der else { return None };
        let (number, rest) = rest.split_at_checked(usize::from(*length))?;
        Some((left_pad(number.strip_prefix(&[0]).unwrap_or(number))?, rest))
    }
    let [0x30, length, rest @ ..] = der else { return None };
    if usize::from(*length) != rest.len() {
        return None;
    }
    let (r, rest) = integer(rest)?;
    let (s, rest) = integer(rest)?;
    let mut out = [0; 64];
    out[..32].copy_from_slice(&r);
    out[32..].copy_from_slice(&s);
    rest.is_empty().then_some(out)
}

fn left_pad(number: &[u8]) -> Option<[u8; 32]> {
    let start = 32_usize.checked_sub(number.len())?;
    let mut out = [0; 32];
    out[start..].copy_from_slice(number);
    Some(out)
}

impl VerifyingKey {
    /// From a `SubjectPublicKeyInfo` in DER; only the uncompressed form is taken.
    pub fn from_spki(der: &[u8]) -> Result<Self, PkiError> {
        const WHAT: &str = "a SubjectPublicKeyInfo";
        let point = der.strip_prefix(&SPKI_PREFIX).ok_or(PkiError::PublicKey(WHAT))?;
        Self::from_point(point).map_err(|_| PkiError::PublicKey(WHAT))
    }

    /// From an uncompressed point of 65 bytes (SEC 1 section 2.3.3), checked to be on the curve.
    pub fn from_point(point: &[u8]) -> Result<Self, PkiError> {
        const WHAT: &str = "an uncompressed point";
        if point.len() != 65 || point[0] != 4 {
            return Err(PkiError::PublicKey(WHAT));
        }
        ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| PkiError::PublicKey(WHAT))?;
        let mut spki = [0; 91];
        spki[..26].copy_from_slice(&SPKI_PREFIX);
        spki[26..].copy_from_slice(point);
        Ok(Self { spki })
    }

    /// As `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The uncompressed point, 65 bytes: an MLS signature public key.
    pub fn point(&self) -> &[u8] {
        &self.spki[26..]
    }

    /// Checks a signature in DER.
    pub fn verify_der(&self, message: &[u8], signature: &[u8]) -> Result<(), PkiError> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.point())
            .verify(message, signature)
            .map_err(|_| PkiError::Signature)
    }

    /// Checks a signature of 64 bytes, r and s.
    pub fn verify_fixed(&self, message: &[u8], signature: &[u8]) -> Result<(), PkiError> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.point())
            .verify(message, signature)
            .map_err(|_| PkiError::Signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private key]")
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P-256 ")?;
        self.point()[1..9].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_reads_back_from_each_of_its_forms() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(key.to_pkcs8().unwrap().expose()).unwrap();
        assert_eq!(again.public(), key.public());
        let scalar = key.to_mls_scalar().unwrap();
        let again = SigningKey::from_mls(scalar.expose(), key.public_point()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(&VerifyingKey::from_spki(key.public().spki()).unwrap(), key.public());
    }

    #[test]
    fn a_scalar_without_its_leading_zeros_is_taken_and_always_given_out_with_them() {
        for _ in 0..1500 {
            let key = SigningKey::generate().unwrap();
            let scalar = key.to_mls_scalar().unwrap();
            if scalar.expose()[0] == 0 {
                let short: Vec<u8> = scalar.expose().iter().copied().skip_while(|byte| *byte == 0).collect();
                let again = SigningKey::from_mls(&short, key.public_point()).unwrap();
                assert_eq!(again.to_mls_scalar().unwrap().expose(), scalar.expose());
                return;
            }
        }
    }

    #[test]
    fn the_scalar_of_another_point_is_refused() {
        let (one, two) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        assert!(SigningKey::from_mls(one.to_mls_scalar().unwrap().expose(), two.public_point()).is_err());
    }

    #[test]
    fn a_point_off_the_curve_is_no_key() {
        let mut point = SigningKey::generate().unwrap().public_point().to_vec();
        point[64] ^= 1;
        assert!(VerifyingKey::from_point(&point).is_err());
        assert!(VerifyingKey::from_point(&[4; 65]).is_err());
    }

    proptest! {
        #[test]
        fn both_forms_of_a_signature_verify_and_neither_survives_a_flipped_bit(
            message in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..512
        ) {
            let key = SigningKey::generate().unwrap();
            let mut fixed = key.sign_fixed(&message).unwrap();
            let mut der = key.sign_der(&message).unwrap();
            prop_assert!(key.public().verify_fixed(&message, &fixed).is_ok());
            prop_assert!(key.public().verify_der(&message, &der).is_ok());
            fixed[at / 8] ^= 1 << (at % 8);
            prop_assert!(key.public().verify_fixed(&message, &fixed).is_err());
            let byte = at / 8 % der.len();
            der[byte] ^= 1 << (at % 8);
            prop_assert!(key.public().verify_der(&message, &der).is_err());
        }

        #[test]
        fn no_bytes_make_the_key_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = SigningKey::from_pkcs8(&bytes);
            let _ = SigningKey::from_mls(&bytes, &bytes);
            let _ = VerifyingKey::from_spki(&bytes);
            let _ = VerifyingKey::from_point(&bytes);
            let _ = fixed_of_der(&bytes);
        }
    }
}
