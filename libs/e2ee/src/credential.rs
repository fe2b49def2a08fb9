//! Device certificates as MLS credentials (RFC 9420 section 5.3): who a leaf is and whether it may stand in a group.

use std::sync::Arc;

use mls_rs_core::error::IntoAnyError;
use mls_rs_core::extension::ExtensionList;
use mls_rs_core::identity::{CredentialType, IdentityProvider, MemberValidationContext, SigningIdentity};
use mls_rs_core::time::MlsTime;
use wickr_base::{MemberUri, UnixMillis};

use crate::leaf::{Leaf, LeafError, certificate_of};
use crate::time::unix_millis;
use crate::{DeviceRefusal, Network};

/// The library's view of credentials; the same object on both sides, so that members and relay agree.
#[derive(Clone, Debug)]
pub(crate) struct Credentials(pub(crate) Arc<Network>);

/// Why a credential is not accepted. It travels inside the library's errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("{0}")]
    Leaf(LeafError),
    #[error("the certificate of \"{uri}\" is not accepted: {refusal}")]
    Untrusted { uri: MemberUri, refusal: DeviceRefusal },
    #[error("\"{0}\" is not a device; only devices are members of a room")]
    NotADevice(MemberUri),
    #[error("the external sender is not the hub of \"{0}\"")]
    NotTheHub(wickr_base::Domain),
}

impl IntoAnyError for CredentialError {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(self.into())
    }
}

impl From<LeafError> for CredentialError {
    fn from(error: LeafError) -> Self {
        Self::Leaf(error)
    }
}

impl Credentials {
    /// Reads the leaf, has its chain judged, and makes sure that both saw the same URI.
    ///
    /// Without a time (joining: one member's expired certificate must not block every joiner) the chain is judged in
    /// the middle of the leaf's own validity, so that only the signature and the profile count.
    pub(crate) fn check(
        &self,
        identity: &SigningIdentity,
        at: Option<UnixMillis>,
    ) -> Result<Leaf, CredentialError> {
        let leaf = Leaf::of(identity)?;
        if leaf.uri.device().is_none() {
            return Err(CredentialError::NotADevice(leaf.uri));
        }
        let at = at.unwrap_or(UnixMillis(i64::midpoint(leaf.not_before.0, leaf.not_after.0)));
        let untrusted = |refusal| CredentialError::Untrusted { uri: leaf.uri.clone(), refusal };
        let checked = self.0.devices.check(certificate_of(identity)?, at).map_err(untrusted)?;
        if checked.uri != leaf.uri {
            return Err(untrusted(DeviceRefusal(format!("its name reads as \"{}\"", checked.uri))));
        }
        Ok(leaf)
    }
}

impl IdentityProvider for Credentials {
    type Error = CredentialError;

    fn validate_member(
        &self,
        identity: &SigningIdentity,
        at: Option<MlsTime>,
        _context: MemberValidationContext<'_>,
    ) -> Result<(), CredentialError> {
        self.check(identity, at.map(unix_millis)).map(drop)
    }

    /// Byte-equal to the network document's certificate, with its key; time plays no part (it lives long).
    fn validate_external_sender(
        &self,
        identity: &SigningIdentity,
        _at: Option<MlsTime>,
        _extensions: Option<&ExtensionList>,
    ) -> Result<(), CredentialError> {
        Leaf::of(identity)?;
        if certificate_of(identity)? == self.0.hub_certificate {
            Ok(())
        } else {
            Err(CredentialError::NotTheHub(self.0.domain.clone()))
        }
    }

    fn identity(
        &self,
        identity: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<Vec<u8>, CredentialError> {
        Ok(Leaf::of(identity)?.uri.to_string().into_bytes())
    }

    fn valid_successor(
        &self,
        predecessor: &SigningIdentity,
        successor: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<bool, CredentialError> {
        Ok(Leaf::of(predecessor)?.uri == Leaf::of(successor)?.uri)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CredentialType::X509]
    }
}
