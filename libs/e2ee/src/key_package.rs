//! Key packages (RFC 9420 section 10): their reference, and what makes one fit to be given to others.

use std::fmt;
use std::sync::Arc;

use mls_rs::extension::ExtensionType;
use mls_rs::external_client::builder::ExternalClientBuilder;
use mls_rs::group::proposal::AddProposal;
use mls_rs::{CryptoProvider, KeyPackage, MlsMessage};
use mls_rs_codec::MlsDecode;
use wickr_base::{MemberUri, UnixMillis};
use wickr_wire::ProblemCode;

use crate::credential::Credentials;
use crate::extensions::ROOM;
use crate::leaf::Leaf;
use crate::time::{mls_time, unix_millis};
use crate::{Network, Refused};

/// `KeyPackageRef` (RFC 9420 section 5.2): the hash by which a Welcome names the package it answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPackageRef(pub [u8; 32]);

/// What the relay keeps of a package beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPackageInfo {
    /// Its reference.
    pub reference: KeyPackageRef,
    /// May be given out more than once, when no other is left.
    pub last_resort: bool,
    /// Not to be given out from here on: the earlier of its own end and its certificate's.
    pub not_after: UnixMillis,
}

impl KeyPackageRef {
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for KeyPackageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyPackageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Network {
    /// Whether `bytes` (an MLSMessage) is a key package of `owner`, fit to be given to others from `now` on.
    ///
    /// Checked: RFC 9420 section 10.1 (signature, suite, lifetime, distinct keys), the certificate at `now`, its URI,
    /// that the leaf supports the room extension, and that the package doesn't outlive its certificate. Refused with
    /// `key-package-refused`.
    pub fn check_key_package(
        &self,
        bytes: &[u8],
        owner: &MemberUri,
        now: UnixMillis,
    ) -> Result<KeyPackageInfo, Refused> {
        let refuse = |why: String| Refused::new(ProblemCode::KeyPackageRefused, why);
        let message = MlsMessage::from_bytes(bytes).map_err(|_| refuse("it can't be read".to_owned()))?;
        let client = ExternalClientBuilder::new()
            .identity_provider(Credentials(Arc::new(self.clone())))
            .crypto_provider(self.suite.provider())
            .build();
        let package = client
            .validate_key_package(message, Some(mls_time(now)))
            .map_err(|error| refuse(format!("it is not valid: {error}")))?;
        let leaf = Leaf::of(package.signing_identity()).map_err(|error| refuse(error.to_string()))?;
        if leaf.uri != *owner {
            return Err(refuse(format!("it is the package of \"{}\", not of \"{owner}\"", leaf.uri)));
        }
        let expires = package.expiration().map(unix_millis).map_err(|error| refuse(error.to_string()))?;
        if expires > leaf.not_after {
            return Err(refuse(format!("it ends at {expires}, after its certificate ({})", leaf.not_after)));
        }
        // The library shows a leaf's capabilities only through a proposal; behind its 4-byte header the message is one.
        let add = bytes.get(4..).and_then(|body| AddProposal::mls_decode_exhaustive(body).ok());
        if !add.is_some_and(|add| add.capabilities().extensions.contains(&ROOM)) {
            return Err(refuse("its leaf doesn't list extension 0xF001 among its capabilities".to_owned()));
        }
        Ok(KeyPackageInfo {
            reference: reference(&package, self).ok_or_else(|| refuse("it can't be hashed".to_owned()))?,
            last_resort: package.extensions.has_extension(ExtensionType::LAST_RESORT_KEY_PACKAGE),
            not_after: expires,
        })
    }
}

/// The package's reference in the network's suite.
pub(crate) fn reference(package: &KeyPackage, network: &Network) -> Option<KeyPackageRef> {
    let suite = network.suite.provider().cipher_suite_provider(network.suite.mls())?;
    KeyPackageRef::from_slice(&package.to_reference(&suite).ok()?)
}
