//! `POST /v1/sign-in/code`: begins a sign-in in a browser on the same machine (code flow with PKCE). Where the
//! browser comes back to: `callback`.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use wickr_base::{Secret, UnixMillis};
use wickr_model::{CODE_FLOW_LIFETIME, Way};
use wickr_service::{JsonBody, Peer};

use super::begin::{BeginBody, BeginError};
use crate::provider::{Bound, authorize_url};
use crate::refused::Refused;
use crate::seal::Place;
use crate::state::Sso;

pub(super) const PATH: &str = "/v1/sign-in/code";

/// Where the app sends the browser.
#[derive(Debug, Serialize)]
pub(super) struct CodeAnswer {
    flow: String,
    authorize_url: String,
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
}

pub(super) async fn begin(
    State(sso): State<Arc<Sso>>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<BeginBody>,
) -> Result<Json<CodeAnswer>, Refused> {
    Ok(Json(sso.begin_code_flow(&body, &peer).await?))
}

impl Sso {
    async fn begin_code_flow(&self, body: &BeginBody, peer: &Peer) -> Result<CodeAnswer, BeginError> {
        let beginning = self.beginning(body, PATH, peer).await?;
        let (id, key, ready) = (beginning.id, &beginning.key, &beginning.ready);
        let state = URL_SAFE_NO_PAD.encode(self.rng.bytes::<32>());
        // The ID token is for this key: whoever holds another can't use it.
        let nonce = hash([key.spki.as_slice(), &self.rng.bytes::<32>()].concat().as_slice());
        let nonce = URL_SAFE_NO_PAD.encode(nonce);
        let verifier = Secret::new(URL_SAFE_NO_PAD.encode(self.rng.bytes::<32>()));
        let asking = ready.provider.asking(&ready.known);
        let bound = Bound { state: &state, nonce: &nonce, verifier: &verifier };
        let authorize_url = authorize_url(&asking, &self.callback, &bound)?;
        let expires_at = self.clock.now().plus(CODE_FLOW_LIFETIME);
        let sealed = self.sealer.seal(verifier.expose(), Place::Verifier(id), &*self.rng)?;
        let way = Way::Code { state_hash: hash(state.as_bytes()), nonce, verifier: sealed };
        self.keep(beginning, way, expires_at).await?;
        Ok(CodeAnswer { flow: id.to_string(), authorize_url: authorize_url.into(), expires_at })
    }
}

/// SHA-256.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}
