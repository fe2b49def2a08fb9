//! Requests that name a device and prove its key, without a session token: renewals. With a token: `crate::signed`.

use serde::Deserialize;
use wickr_base::DeviceId;
use wickr_model::Device;
use wickr_service::Peer;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::limits::Limited;
use crate::proof::ProofError;
use crate::refused::Refusal;
use crate::state::Sso;

/// The body of both renewals.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProvenBody {
    device: String,
    proof: String,
}

/// Why a request isn't taken for that device's.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProvenError {
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error("the device is not known here; sign in")]
    Unknown,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("this device has been revoked")]
    Revoked,
    #[error("looking up a device")]
    Store(#[from] DirectoryError),
}

impl Refusal for ProvenError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Limited(error) => error.code(),
            Self::Unknown => ProblemCode::Unauthenticated,
            Self::Proof(error) => error.code(),
            Self::Revoked => ProblemCode::DeviceRevoked,
            Self::Store(error) => error.code(),
        }
    }
}

impl Sso {
    /// The device that asks, proven for `POST path` and not revoked.
    pub(super) async fn proven(
        &self,
        body: &ProvenBody,
        path: &str,
        peer: &Peer,
    ) -> Result<Device, ProvenError> {
        self.limits.anonymous.take(peer.address.ip(), self.clock.elapsed())?;
        let id: DeviceId = body.device.parse().map_err(|_| ProvenError::Unknown)?;
        let proof = self.proofs.check(&body.proof, ("POST", path), None, &*self.clock)?;
        let device = self.directory.read().await?.devices().lookup(id).await?;
        let device = device.ok_or(ProvenError::Unknown)?;
        self.proofs.take(&proof, &device.key.thumbprint, &*self.clock)?;
        if device.revoked_at.is_some() { Err(ProvenError::Revoked) } else { Ok(device) }
    }
}
