//! `POST /v1/sign-in/poll`: the device asks how its sign-in stands, and gets its certificate when it is done.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wickr_base::{DeviceId, Secret, UnixMillis};
use wickr_model::{Ended, Flow, FlowId, PollStep, RefusedBy, SessionRefusal, Stage, Way};
use wickr_service::{JsonBody, Peer, refuse};
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::alive::AliveError;
use crate::completion::{Completed, CompletionError};
use crate::limits::Limited;
use crate::metrics::{Operation, Outcome};
use crate::proof::ProofError;
use crate::provider::{Answer, Vouched, ask_device_grant};
use crate::provider_use::ProviderError;
use crate::refused::{Refusal, Refused, causes};
use crate::seal::{Place, SealError};
use crate::session_tokens::IssueTokenError;
use crate::state::Sso;

pub(super) const PATH: &str = "/v1/sign-in/poll";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PollBody {
    flow: String,
    proof: String,
}

/// What a device has once it is signed in.
#[derive(Debug, Serialize)]
pub(super) struct SignedIn {
    user: String,
    device: String,
    handle: String,
    /// DER, base64.
    certificate: String,
    session_token: String,
    /// When the session token ends.
    #[serde(with = "wickr_base::rfc3339")]
    expires_at: UnixMillis,
}

/// What a poll comes to when nothing is wrong.
pub(super) enum Polled {
    Wait(Duration),
    SignedIn(Box<SignedIn>),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PollError {
    #[error(transparent)]
    Limited(#[from] Limited),
    #[error("there is no such sign-in; begin again")]
    Unknown,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the sign-in was not finished in time; begin again")]
    Expired,
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Completion(#[from] CompletionError),
    #[error(transparent)]
    Session(#[from] AliveError),
    #[error("opening a sign-in's secrets")]
    Seal(#[from] SealError),
    #[error(transparent)]
    Token(#[from] IssueTokenError),
    #[error("looking up a sign-in")]
    Store(#[from] DirectoryError),
}

impl Refusal for PollError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Limited(error) => error.code(),
            Self::Unknown => ProblemCode::NotFound,
            Self::Proof(error) => error.code(),
            Self::Expired => ProblemCode::SignInExpired,
            Self::Refused(_) => ProblemCode::SignInRefused,
            Self::Provider(error) => error.code(),
            Self::Completion(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Seal(_) => ProblemCode::Internal,
            Self::Token(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl IntoResponse for Polled {
    fn into_response(self) -> Response {
        match self {
            Self::SignedIn(answer) => Json(answer).into_response(),
            Self::Wait(after) => {
                // Rounded up: a poll before the time is only another wait.
                let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                let detail = format!("ask again in {} s", seconds.max(1));
                let mut response = refuse(ProblemCode::SignInPending, detail).into_response();
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
                response
            }
        }
    }
}

pub(super) async fn poll(
    State(sso): State<Arc<Sso>>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<PollBody>,
) -> Result<Polled, Refused> {
    Ok(sso.poll(&body, &peer).await?)
}

impl Sso {
    async fn poll(&self, body: &PollBody, peer: &Peer) -> Result<Polled, PollError> {
        self.limits.anonymous.take(peer.address.ip(), self.clock.elapsed())?;
        let id: FlowId = body.flow.parse().map_err(|_| PollError::Unknown)?;
        let proof = self.proofs.check(&body.proof, ("POST", PATH), None, &*self.clock)?;
        let _turn = self.turns.turn(id).await;
        let flow = self.directory.read().await?.flows().lookup(id).await?.ok_or(PollError::Unknown)?;
        self.proofs.take(&proof, &flow.key.thumbprint, &*self.clock)?;
        match flow.poll(self.clock.now()) {
            PollStep::Wait(after) => Ok(Polled::Wait(after)),
            PollStep::Ask(asked) => {
                self.save_flow(&asked).await?;
                self.ask_provider(asked).await
            }
            PollStep::Complete { person, refresh } => {
                self.signed_in(self.complete(flow, person, refresh).await?)
            }
            PollStep::Done(device) => self.again(device).await,
            PollStep::Refused(RefusedBy::Time, _) | PollStep::Expired => Err(PollError::Expired),
            PollStep::Refused(_, detail) => Err(PollError::Refused(detail)),
        }
    }

    async fn ask_provider(&self, flow: Flow) -> Result<Polled, PollError> {
        let Way::Device { device_code, interval, .. } = &flow.way else { return Err(PollError::Unknown) };
        let interval = *interval;
        let device_code = self.sealer.open(device_code, Place::DeviceCode(flow.id))?;
        let ready = self.ready_for(&flow.provider)?;
        let asking = ready.provider.asking(&ready.known);
        let question = ask_device_grant(&asking, &device_code);
        let answer = match self.ask(&ready, Operation::AskDeviceGrant, question).await {
            Ok(Answer::Tokens(tokens)) => self.believe(&ready, &tokens, None).await,
            Ok(Answer::Waiting) => return Ok(Polled::Wait(interval)),
            Ok(Answer::SlowDown) => {
                let slowed = flow.slowed(self.clock.now());
                self.save_flow(&slowed).await?;
                return Ok(Polled::Wait(interval + wickr_model::DEFAULT_INTERVAL));
            }
            Ok(Answer::Expired) => {
                self.metrics.sign_in(Outcome::Expired);
                self.settle(flow, RefusedBy::Time, String::new()).await?;
                return Err(PollError::Expired);
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok(vouched) => self.vouched_for(flow, vouched).await,
            Err(error) if error.decides() => {
                let by = self.count_refusal(&error);
                let detail = causes(&error);
                self.settle(flow, by, detail.clone()).await?;
                Err(PollError::Refused(detail))
            }
            Err(error) => Err(PollError::Provider(error.into())),
        }
    }

    /// Kept before it is completed: the device code can't be used again, whatever happens next.
    async fn vouched_for(&self, flow: Flow, vouched: Vouched) -> Result<Polled, PollError> {
        let place = Place::FlowRefresh(flow.id);
        let seal = |refresh: &Secret<String>| self.sealer.seal(refresh.expose(), place, &*self.rng);
        let refresh = vouched.refresh.as_ref().map(seal).transpose()?;
        let person = vouched.person;
        let flow = flow.at(Stage::SignedIn { person: person.clone(), refresh: refresh.clone() });
        self.save_flow(&flow).await?;
        self.signed_in(self.complete(flow, person, refresh).await?)
    }

    /// The same answer as the first time, with a fresh token, as long as the session it began goes on.
    async fn again(&self, device: DeviceId) -> Result<Polled, PollError> {
        let mut work = self.directory.read().await?;
        let device = work.devices().lookup(device).await?.ok_or(PollError::Unknown)?;
        let user = work.users().lookup(device.user).await?.ok_or(PollError::Unknown)?;
        drop(work);
        if device.revoked_at.is_some() {
            return Err(AliveError::Refused(SessionRefusal::Ended(Ended::Revoked)).into());
        }
        let session = self.alive(&device).await?;
        self.signed_in(Completed { user, device, session })
    }

    fn signed_in(&self, completed: Completed) -> Result<Polled, PollError> {
        let Completed { user, device, session } = completed;
        let issued = self.tokens.issue(&device, session.id, &*self.rng, self.clock.now())?;
        self.metrics.session_tokens.inc();
        Ok(Polled::SignedIn(Box::new(SignedIn {
            user: user.id.to_string(),
            device: device.id.to_string(),
            handle: user.handle.to_string(),
            certificate: STANDARD.encode(&device.certificate),
            session_token: issued.token,
            expires_at: issued.expires_at,
        })))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use serde_json::json;
    use wickr_base::Clock as _;
    use wickr_pki::check_device;
    use wickr_pki::session::check_session_token;

    use crate::testing::{Phone, World};

    const TICK: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_device_waits_is_approved_and_has_certificate_and_token_of_its_own_key() {
        let world = World::new().await;
        let mut phone = Phone::new();
        let begun = world.begin(&phone).await;
        assert_eq!(begun.json["interval_s"], 5);
        assert!(begun.text_of("verification_uri_complete").contains(&begun.text_of("user_code")));
        let flow = begun.text_of("flow");
        world.pass(TICK);
        let waiting = world.poll(&phone, &flow).await;
        assert_eq!((waiting.status, waiting.code()), (StatusCode::ACCEPTED, "sign-in-pending"));
        assert_eq!(waiting.headers["retry-after"], "5");
        world.idp.approve(&begun.text_of("user_code"), "Alice");
        world.pass(TICK);
        let answer = world.poll(&phone, &flow).await;
        assert_eq!(answer.text_of("handle"), "alice@hq.example");
        phone.take(&answer);
        let (anchors, now) = (world.sso.anchors(), world.clock.now());
        let certificate = check_device(&phone.certificate, &anchors, &world.sso.domain, now).unwrap();
        assert_eq!(&certificate.public_key, phone.key.public());
        assert_eq!(
            (certificate.user.to_string(), certificate.device.to_string()),
            (phone.user, phone.device)
        );
        assert_eq!(certificate.not_after.since(now).as_secs().div_ceil(86_400), 90);
        let claims = check_session_token(&phone.token, &anchors, &world.sso.domain, now).unwrap();
        claims.check_key(phone.key.public()).unwrap();
        assert_eq!(claims.exp - claims.iat, 900);
    }

    #[tokio::test]
    async fn the_provider_is_asked_at_its_interval_and_later_after_slow_down() {
        let world = World::new().await;
        let phone = Phone::new();
        let begun = world.begin(&phone).await;
        let flow = begun.text_of("flow");
        for _ in 0..3 {
            world.pass(Duration::from_secs(1));
            assert_eq!(world.poll(&phone, &flow).await.code(), "sign-in-pending");
        }
        assert_eq!(world.idp.asked("token"), 0, "too early");
        world.idp.behave(|idp| idp.slow_down_once = true);
        world.pass(TICK);
        let slowed = world.poll(&phone, &flow).await;
        assert_eq!(slowed.headers["retry-after"], "10");
        world.idp.approve(&begun.text_of("user_code"), "alice");
        world.pass(TICK);
        assert_eq!(world.poll(&phone, &flow).await.status, StatusCode::ACCEPTED);
        assert_eq!(world.idp.asked("token"), 1);
        world.pass(TICK);
        assert_eq!(world.poll(&phone, &flow).await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_denied_an_expired_and_a_forgotten_sign_in_say_so_for_good() {
        let world = World::new().await;
        let phone = Phone::new();
        let (denied, expired, forgotten) =
            (world.begin(&phone).await, world.begin(&phone).await, world.begin(&phone).await);
        world.idp.deny(&denied.text_of("user_code"));
        world.idp.let_expire(&expired.text_of("user_code"));
        world.pass(TICK);
        for _ in 0..2 {
            let answer = world.poll(&phone, &denied.text_of("flow")).await;
            assert_eq!(answer.code(), "sign-in-refused");
            assert!(answer.text_of("detail").contains("access_denied"), "{answer:?}");
            assert_eq!(world.poll(&phone, &expired.text_of("flow")).await.code(), "sign-in-expired");
        }
        world.pass(Duration::from_mins(10));
        let flow = forgotten.text_of("flow");
        assert_eq!(world.poll(&phone, &flow).await.code(), "sign-in-expired");
        world.pass(Duration::from_mins(11));
        world.sso.round().await;
        assert_eq!(world.poll(&phone, &flow).await.code(), "not-found", "removed by now");
    }

    #[tokio::test]
    async fn only_the_key_that_began_may_poll_and_each_proof_counts_once() {
        let world = World::new().await;
        let (phone, thief) = (Phone::new(), Phone::new());
        let begun = world.begin(&phone).await;
        let flow = begun.text_of("flow");
        world.idp.approve(&begun.text_of("user_code"), "alice");
        world.pass(TICK);
        assert_eq!(world.poll(&thief, &flow).await.code(), "unauthenticated");
        let path = super::PATH;
        let body = json!({"flow": flow, "proof": world.proof(&phone, "POST", path, None)});
        assert_eq!(world.post(path, body.clone()).await.status, StatusCode::OK);
        let again = world.post(path, body).await;
        assert_eq!(again.code(), "unauthenticated");
        assert!(again.text_of("detail").contains("used before"));
        let elsewhere = json!({"flow": flow, "proof": world.proof(&phone, "POST", "/v1/session", None)});
        assert_eq!(world.post(path, elsewhere).await.code(), "unauthenticated");
    }

    #[tokio::test]
    async fn a_lost_answer_is_given_again_with_the_same_device() {
        let world = World::new().await;
        let mut phone = Phone::new();
        let begun = world.begin(&phone).await;
        let flow = begun.text_of("flow");
        world.idp.approve(&begun.text_of("user_code"), "alice");
        world.pass(TICK);
        phone.take(&world.poll(&phone, &flow).await);
        world.pass(TICK);
        let again = world.poll(&phone, &flow).await;
        assert_eq!(again.text_of("device"), phone.device);
        assert_ne!(again.text_of("session_token"), phone.token);
        world.signed(&phone, "POST", "/v1/sign-out").await;
        assert_eq!(world.poll(&phone, &flow).await.code(), "session-expired", "not after a sign-out");
    }

    #[tokio::test]
    async fn a_restart_in_the_middle_loses_no_sign_in() {
        let world = World::new().await;
        let phone = Phone::new();
        let begun = world.begin(&phone).await;
        let world = world.restarted().await;
        world.sso.round().await;
        world.idp.approve(&begun.text_of("user_code"), "alice");
        world.pass(TICK);
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_provider_out_of_reach_loses_no_sign_in_either() {
        let world = World::new().await;
        let phone = Phone::new();
        let begun = world.begin(&phone).await;
        world.idp.approve(&begun.text_of("user_code"), "alice");
        world.pass(TICK);
        world.idp.behave(|idp| idp.down = true);
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.code(), "provider-unreachable");
        world.idp.behave(|idp| (idp.down, idp.refuses_client) = (false, true));
        world.pass(TICK);
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.code(), "provider-unreachable");
        world.idp.behave(|idp| idp.refuses_client = false);
        world.pass(TICK);
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.status, StatusCode::OK);
    }
}
