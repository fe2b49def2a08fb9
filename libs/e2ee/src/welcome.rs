//! Welcomes (RFC 9420 section 12.4.3.1) as far as the relay reads them: for whom they are.

use mls_rs::{MlsMessage, WireFormat};

use crate::{KeyPackageRef, Refused};

/// The references of the key packages that a Welcome answers, in its order. `malformed` if it is not one Welcome.
pub fn welcome_references(welcome: &[u8]) -> Result<Vec<KeyPackageRef>, Refused> {
    let refuse = || Refused::unreadable("the Welcome");
    let message = MlsMessage::from_bytes(welcome).map_err(|_| refuse())?;
    if message.wire_format() != WireFormat::Welcome {
        return Err(refuse());
    }
    let references = message.welcome_key_package_references();
    references.into_iter().map(|found| KeyPackageRef::from_slice(found).ok_or_else(refuse)).collect()
}
