//! What sso is asked to rehearse: the body of `POST /rehearse`, with a fingerprint of the settings.

use serde::Serialize;
use wickr_base::Secret;

use super::ValidProvider;
use crate::hash::hash;

/// The body of `POST /rehearse`.
#[derive(Clone, Debug)]
pub struct RehearsalRequest {
    /// Fingerprint of the settings. Secret and authorities count by the version of their object, so that nobody can
    /// try out secrets against it.
    pub generation: String,
    /// Whether it goes live when every check passes.
    pub adopt: bool,
    provider: ValidProvider,
}

#[derive(Serialize)]
struct Body<'a> {
    generation: &'a str,
    issuer: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
    ca_bundle_pem: Option<&'a str>,
    scopes: &'a [String],
    claims: Claims<'a>,
    refresh_grace: &'a str,
    adopt: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    username: &'a str,
}

/// The request for a provider.
pub fn build(provider: &ValidProvider) -> RehearsalRequest {
    let spec = &provider.spec;
    let settings = serde_json::json!([
        spec.issuer,
        spec.client_id,
        spec.scopes,
        spec.claims.username,
        spec.refresh_grace,
        provider.versions,
    ]);
    RehearsalRequest {
        generation: hash(settings.to_string().as_bytes()),
        adopt: provider.selected,
        provider: provider.clone(),
    }
}

impl RehearsalRequest {
    /// As it is sent; it contains the client's secret.
    #[expect(
        clippy::expect_used,
        reason = "texts and lists only: there is nothing in it that JSON can't say"
    )]
    pub fn to_json(&self) -> Secret<Vec<u8>> {
        let spec = &self.provider.spec;
        let body = Body {
            generation: &self.generation,
            issuer: &spec.issuer,
            client_id: &spec.client_id,
            client_secret: self.provider.client_secret.expose(),
            ca_bundle_pem: self.provider.ca_bundle.as_ref().map(|pem| pem.expose().as_str()),
            scopes: &spec.scopes,
            claims: Claims { username: &spec.claims.username },
            refresh_grace: &spec.refresh_grace,
            adopt: self.adopt,
        };
        Secret::new(serde_json::to_vec(&body).expect("a request has a JSON form"))
    }
}
