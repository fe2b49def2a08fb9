//! Bytes that only sso can open; sealing and opening live in `control-plane/sso/src/seal.rs`.

use std::fmt;

/// AES-256-GCM: nonce, ciphertext, tag. What it is bound to (table, row) is the associated data, not in here.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} sealed bytes]", self.0.len())
    }
}
