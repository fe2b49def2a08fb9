//! SHA-256 as hexadecimal, for names of cached things and for image blobs.

use aws_lc_rs::digest::{SHA256, digest};

/// All 64 digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The first 16 digits: enough to name a file by its content.
pub fn short(bytes: &[u8]) -> String {
    let mut digits = sha256(bytes);
    digits.truncate(16);
    digits
}
