//! Fingerprints of texts: equal texts, equal fingerprints (SHA-256, the first 128 bits, hexadecimal).

use aws_lc_rs::digest::{SHA256, digest};

/// The fingerprint of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(&digest(&SHA256, bytes).as_ref()[..16])
}
