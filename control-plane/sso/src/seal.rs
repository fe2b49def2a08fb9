//! Sealing what only sso may read: refresh tokens, device codes, client secrets. Stored as `wickr_model::Sealed`.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use wickr_base::{DeviceId, Rng, Secret};
use wickr_model::{FlowId, Sealed, SessionId};

/// Where a sealed value belongs: bound as associated data, so that a value moved to another row doesn't open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'p> {
    DeviceCode(FlowId),
    Verifier(FlowId),
    FlowRefresh(FlowId),
    SessionRefresh(DeviceId, SessionId),
    ClientSecret(&'p str),
}

impl Place<'_> {
    fn associated(self) -> String {
        match self {
            Self::DeviceCode(flow) => format!("flows/{flow}/device_code"),
            Self::Verifier(flow) => format!("flows/{flow}/verifier"),
            Self::FlowRefresh(flow) => format!("flows/{flow}/refresh"),
            Self::SessionRefresh(device, session) => format!("sessions/{device}/{session}/refresh"),
            Self::ClientSecret(generation) => format!("providers/{generation}/client_secret"),
        }
    }
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file has another length.
    #[error("the seal key has {0} bytes; it must have 32")]
    KeyLength(usize),
    /// AWS-LC refused.
    #[error("sealing \"{0}\"")]
    Seal(String),
    /// The key is another, or the value was changed or moved.
    #[error("opening \"{0}\": it was sealed with another key, or was changed or moved")]
    Open(String),
}

/// AES-256-GCM with one key (NIST SP 800-38D); random nonces of 96 bits, good for 2^32 values.
pub(crate) struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    pub(crate) fn new(key: &Secret<Vec<u8>>) -> Result<Self, SealError> {
        let wrong = |_| SealError::KeyLength(key.expose().len());
        Ok(Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).map_err(wrong)?) })
    }

    pub(crate) fn seal(&self, secret: &str, place: Place<'_>, rng: &dyn Rng) -> Result<Sealed, SealError> {
        let associated = place.associated();
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut bytes = secret.as_bytes().to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated.as_bytes()),
                &mut bytes,
            )
            .map_err(|_| SealError::Seal(associated.clone()))?;
        Ok(Sealed([nonce.as_slice(), &bytes, tag.as_ref()].concat()))
    }

    pub(crate) fn open(&self, sealed: &Sealed, place: Place<'_>) -> Result<Secret<String>, SealError> {
        let associated = place.associated();
        let wrong = || SealError::Open(associated.clone());
        let (nonce, bytes) = sealed.0.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut bytes = bytes.to_vec();
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(associated.as_bytes()), &mut bytes)
            .map_err(|_| wrong())?
            .len();
        bytes.truncate(opened);
        String::from_utf8(bytes).map(Secret::new).map_err(|_| wrong())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealer]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Secret::new(vec![byte; 32])).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_place_with_its_key_and_nowhere_else() {
        let (here, there) = (Place::DeviceCode(FlowId([1; 16])), Place::DeviceCode(FlowId([2; 16])));
        let sealed = sealer(1).seal("token", here, &SeededRng::new(1)).unwrap();
        assert_eq!(sealer(1).open(&sealed, here).unwrap().expose(), "token");
        assert!(sealer(1).open(&sealed, there).is_err(), "moved to another row");
        assert!(sealer(1).open(&sealed, Place::Verifier(FlowId([1; 16]))).is_err(), "another column");
        assert!(sealer(2).open(&sealed, here).is_err(), "another key");
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert!(sealer(1).open(&changed, here).is_err(), "byte {at} changed");
        }
        assert!(sealer(1).open(&Sealed(vec![1; 5]), here).is_err(), "cut off");
    }

    #[test]
    fn the_same_secret_never_looks_the_same_and_is_not_seen() {
        let rng = SeededRng::new(1);
        let place = Place::ClientSecret("g");
        let (one, two) =
            (sealer(1).seal("token", place, &rng).unwrap(), sealer(1).seal("token", place, &rng).unwrap());
        assert_ne!(one, two);
        assert!(!one.0.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(matches!(Sealer::new(&Secret::new(vec![0; 31])), Err(SealError::KeyLength(31))));
    }
}
