//! What both ways to begin a sign-in share: the key, its proof, the limits, and room for one more.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use wickr_base::UnixMillis;
use wickr_model::{DeviceKey, Flow, FlowId, Stage, Way};
use wickr_pki::VerifyingKey;
use wickr_pki::jwk::thumbprint;
use wickr_service::Peer;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::limits::Limited;
use crate::proof::ProofError;
use crate::provider::TokenError;
use crate::provider_use::{ProviderError, Ready};
use crate::refused::Refusal;
use crate::seal::SealError;
use crate::state::Sso;

/// Sign-ins under way at a time; each is a row until it ends.
const MOST_FLOWS: u64 = 10_000;

/// The body of both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginBody {
    /// SubjectPublicKeyInfo, DER, base64.
    pub(super) public_key: String,
    /// A DPoP proof by that key for this endpoint.
    pub(super) proof: String,
}

/// Why no sign-in begins.
#[derive(Debug, thiserror::Error)]
pub(super) enum BeginError {
    #[error("\"public_key\" is not a P-256 SubjectPublicKeyInfo in DER and base64")]
    Key,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error("too many people are signing in at this moment; try again in a few minutes")]
    Full,
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("sealing a sign-in's secrets")]
    Seal(#[from] SealError),
    #[error("keeping a sign-in")]
    Store(#[from] DirectoryError),
}

impl From<TokenError> for BeginError {
    fn from(error: TokenError) -> Self {
        Self::Provider(error.into())
    }
}

impl Refusal for BeginError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Key => ProblemCode::Malformed,
            Self::Proof(error) => error.code(),
            Self::Limited(error) => error.code(),
            Self::Full => ProblemCode::Busy,
            Self::Provider(error) => error.code(),
            Self::Seal(_) => ProblemCode::Internal,
            Self::Store(error) => error.code(),
        }
    }
}

/// A sign-in that may begin: its key has proven itself, there is room for it, and a provider is in service.
pub(super) struct Beginning {
    pub(super) id: FlowId,
    pub(super) key: DeviceKey,
    pub(super) ready: Ready,
}

impl Sso {
    /// Lets a sign-in begin at `path`, or says why not; the provider has not been asked anything yet.
    pub(super) async fn beginning(
        &self,
        body: &BeginBody,
        path: &str,
        peer: &Peer,
    ) -> Result<Beginning, BeginError> {
        let key = self.key_that_begins(body, path, peer.address.ip())?;
        self.room_for_a_flow().await?;
        Ok(Beginning { id: FlowId::random(&*self.rng), key, ready: self.ready()? })
    }

    /// Keeps it until the person has finished, or its time is over.
    pub(super) async fn keep(
        &self,
        beginning: Beginning,
        way: Way,
        expires_at: UnixMillis,
    ) -> Result<(), BeginError> {
        let Beginning { id, key, ready } = beginning;
        let provider = ready.provider.settings.provider.clone();
        let flow = Flow { id, key, provider, way, stage: Stage::Waiting, expires_at };
        let mut work = self.directory.begin().await?;
        work.flows().add(&flow).await?;
        Ok(work.commit().await?)
    }

    /// The key that asks, proven for `path`.
    fn key_that_begins(
        &self,
        body: &BeginBody,
        path: &str,
        address: IpAddr,
    ) -> Result<DeviceKey, BeginError> {
        self.limits.begin.take(address, self.clock.elapsed())?;
        let spki = STANDARD.decode(&body.public_key).map_err(|_| BeginError::Key)?;
        let key = VerifyingKey::from_spki(&spki).map_err(|_| BeginError::Key)?;
        let proof = self.proofs.check(&body.proof, ("POST", path), None, &*self.clock)?;
        if proof.key != key {
            return Err(ProofError::OtherKey.into());
        }
        self.proofs.take_strangers(&proof, &*self.clock)?;
        Ok(DeviceKey { spki, thumbprint: thumbprint(&key) })
    }

    /// Refuses when there is no room for one more.
    async fn room_for_a_flow(&self) -> Result<(), BeginError> {
        let count = self.directory.read().await?.flows().count().await?;
        if count >= MOST_FLOWS { Err(BeginError::Full) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::{Phone, World};

    #[tokio::test]
    async fn without_a_provider_sso_runs_and_says_so() {
        let world = World::without_provider().await;
        for answer in [world.begin(&Phone::new()).await, world.begin_code(&Phone::new()).await] {
            assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "no-provider"));
        }
        assert!(world.metric("wickr_sso_refusals_total{code=\"no-provider\"}") >= 2.0);
    }

    #[tokio::test]
    async fn a_key_must_be_a_p256_key_and_proven() {
        let world = World::new().await;
        let (phone, other) = (Phone::new(), Phone::new());
        let path = "/v1/sign-in/device";
        let good = world.beginning(&phone, path);
        for key in ["", "AAAA", "not base64"] {
            let body = json!({"public_key": key, "proof": good["proof"]});
            assert_eq!(world.post(path, body).await.code(), "malformed");
        }
        let body = json!({"public_key": world.beginning(&other, path)["public_key"], "proof": good["proof"]});
        assert_eq!(world.post(path, body).await.code(), "unauthenticated", "another's key");
        let body = world.beginning(&phone, "/v1/sign-in/code");
        assert_eq!(world.post(path, body).await.code(), "unauthenticated", "a proof for another address");
        assert_eq!(world.post(path, good.clone()).await.status, StatusCode::OK);
        assert_eq!(world.post(path, good).await.code(), "unauthenticated", "a proof used twice");
        let unknown = json!({"public_key": "", "proof": "", "more": 1});
        assert_eq!(world.post(path, unknown).await.code(), "malformed");
    }

    #[tokio::test]
    async fn one_address_can_not_begin_without_end() {
        let world = World::new().await;
        let phone = Phone::new();
        let mut answers = Vec::new();
        for _ in 0..101 {
            answers.push(world.begin_code(&phone).await);
        }
        assert!(answers[..100].iter().all(|answer| answer.status == StatusCode::OK));
        assert_eq!(answers[100].code(), "too-many");
    }
}
