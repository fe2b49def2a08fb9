//! Sealing of values: AES-256-GCM under the store key, bound to the place they stand at (the tables: `schema`).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use wickr_base::{Rng, Secret};
use zeroize::Zeroizing;

use super::StoreError;

/// 32 random or derived bytes that everything in the store is sealed with.
pub type StoreKey = Secret<[u8; 32]>;

/// Seals and opens values; makes keyed tags for what has to be found but not shown.
///
/// A sealed value is `nonce (12) || ciphertext || tag (16)`. Nonces are random: by NIST SP 800-38D section 8.3
/// one key serves 2^32 values, far beyond what one device writes in its life.
pub(crate) struct Sealer {
    key: LessSafeKey,
    tags: hmac::Key,
}

impl Sealer {
    pub(crate) fn new(key: &StoreKey) -> Result<Self, StoreError> {
        let derive = |label: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), label);
        let values = Zeroizing::new(derive(b"wickr store values v1").as_ref().to_vec());
        let unbound = UnboundKey::new(&AES_256_GCM, &values).map_err(|_| StoreError::Key)?;
        let tags = hmac::Key::new(hmac::HMAC_SHA256, derive(b"wickr store tags v1").as_ref());
        Ok(Self { key: LessSafeKey::new(unbound), tags })
    }

    /// Seals `value` for that row of that table; it opens nowhere else.
    pub(crate) fn seal(
        &self,
        table: &'static str,
        row: &[u8],
        value: &[u8],
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut out = Vec::with_capacity(NONCE_LEN + value.len() + AES_256_GCM.tag_len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(value);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place(table, row)),
                &mut out[NONCE_LEN..],
            )
            .map_err(|_| StoreError::Seal { table })?;
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Opens what was sealed for that row of that table.
    pub(crate) fn open(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::Damaged { table };
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut opened = Zeroizing::new(rest.to_vec());
        let length = self
            .key
            .open_in_place(Nonce::from(nonce), Aad::from(place(table, row)), &mut opened)
            .map_err(|_| damaged())?
            .len();
        opened.truncate(length);
        Ok(opened)
    }

    /// A keyed name for `value`: equal values give equal tags, and nobody without the key can guess from one.
    pub(crate) fn tag(&self, value: &[u8]) -> [u8; 16] {
        let mut out = [0; 16];
        out.copy_from_slice(&hmac::sign(&self.tags, value).as_ref()[..16]);
        out
    }
}

fn place(table: &'static str, row: &[u8]) -> Vec<u8> {
    [b"wickr store v1\0", table.as_bytes(), b"\0", row].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wickr_base::SeededRng;

    fn sealer() -> Sealer {
        Sealer::new(&Secret::new([7; 32])).unwrap()
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_only_at_its_place(value in prop::collection::vec(any::<u8>(), 0..200), row in any::<[u8; 4]>()) {
            let sealer = sealer();
            let sealed = sealer.seal("room", &row, &value, &SeededRng::new(1)).unwrap();
            prop_assert_eq!(&*sealer.open("room", &row, &sealed).unwrap(), &value);
            prop_assert!(sealer.open("message", &row, &sealed).is_err());
            prop_assert!(sealer.open("room", b"elsewhere", &sealed).is_err());
        }

        #[test]
        fn a_changed_byte_is_noticed(at in 0_usize..60, bit in 0_u8..8) {
            let sealer = sealer();
            let mut sealed = sealer.seal("room", b"r", &[5; 40], &SeededRng::new(2)).unwrap();
            sealed[at] ^= 1 << bit;
            prop_assert!(sealer.open("room", b"r", &sealed).is_err());
        }
    }
}
