//! A person's device as far as sso knows it: a key, its proofs, a device grant, a session.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use wickr_base::{Clock, SystemRng};
use wickr_pki::SigningKey;
use wickr_pki::dpop::{Request, make_proof};

use super::stage::PUBLIC;

pub(crate) struct Phone {
    key: SigningKey,
    device: String,
}

/// How to reach sso.
pub(crate) struct Reach<'r> {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) clock: &'r dyn Clock,
}

/// What sso answered.
pub(crate) type Answer = (StatusCode, Value);

/// The problem's code and text.
pub(crate) fn problem((status, body): &Answer) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    format!("{}: {} ({status})", text("code"), text("detail"))
}

impl Phone {
    /// Begins a device grant; gives where the person goes, and the flow.
    pub(crate) async fn begin(reach: &Reach<'_>) -> Result<Result<(Self, String, String), Answer>> {
        let phone = Self { key: SigningKey::generate()?, device: String::new() };
        let key = STANDARD.encode(phone.key.public().spki());
        let (status, body) = phone.post(reach, "/v1/sign-in/device", json!({ "public_key": key })).await?;
        if status != StatusCode::OK {
            return Ok(Err((status, body)));
        }
        let text = |name: &str| body[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        Ok(Ok((phone, text("flow")?, text("verification_uri_complete")?)))
    }

    /// Polls until the sign-in has ended.
    pub(crate) async fn finish(&mut self, reach: &Reach<'_>, flow: &str) -> Result<Answer> {
        for _ in 0..20 {
            let answer = self.post(reach, "/v1/sign-in/poll", json!({ "flow": flow })).await?;
            if answer.0 != StatusCode::ACCEPTED {
                if let Some(device) = answer.1["device"].as_str() {
                    device.clone_into(&mut self.device);
                }
                return Ok(answer);
            }
            // As sso says, the provider's interval; it is a second.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        bail!("the sign-in does not end")
    }

    /// Asks for a new session token.
    pub(crate) async fn renew(&self, reach: &Reach<'_>) -> Result<Answer> {
        self.post(reach, "/v1/session", json!({ "device": self.device })).await
    }

    async fn post(&self, reach: &Reach<'_>, path: &str, mut body: Value) -> Result<Answer> {
        let url = format!("{PUBLIC}{path}");
        let request = Request { method: "POST", url: &url, token: None };
        body["proof"] = make_proof(&self.key, request, &SystemRng, reach.clock.now())?.into();
        let sent = reach.client.post(format!("{}{path}", reach.base)).json(&body).send().await?;
        let status = sent.status();
        Ok((status, sent.json().await.unwrap_or_default()))
    }
}
