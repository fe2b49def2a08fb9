//! Sign-ins under way: a device has asked, a person is at the provider, the device polls. Sessions: `session`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use wickr_base::{DeviceId, Rng, UnixMillis};

use crate::{DeviceKey, ProviderRef, Sealed, Subject};

/// How long a person has for the code flow.
pub const CODE_FLOW_LIFETIME: Duration = Duration::from_mins(10);

/// Longest life of any sign-in, whatever the provider allows.
pub const MAX_FLOW_LIFETIME: Duration = Duration::from_mins(30);

/// Between two polls of the provider when it names no interval (RFC 8628 section 3.2); `slow_down` adds as
/// much (section 3.5).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// Names one sign-in; unguessable.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowId(pub [u8; 16]);

/// Why a text is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a sign-in (32 lower-case hexadecimal digits)")]
pub struct FlowIdError(String);

impl FlowId {
    /// A new random one.
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FlowId {
    type Err = FlowIdError;

    fn from_str(text: &str) -> Result<Self, FlowIdError> {
        let id: wickr_base::MessageId =
            text.parse().map_err(|_| FlowIdError(text.chars().take(64).collect()))?;
        Ok(Self(id.0))
    }
}

/// How the person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a browser on the same machine, which comes back to sso (OpenID Connect Core section 3.1).
    Code {
        /// SHA-256 of the `state` parameter: the browser's return is found by it.
        state_hash: [u8; 32],
        /// The `nonce` that the ID token must carry; made of the device key.
        nonce: String,
        /// The PKCE verifier (RFC 7636).
        verifier: Sealed,
    },
    /// Anywhere, with a code read from the device (RFC 8628).
    Device {
        /// The provider's device code.
        device_code: Sealed,
        /// How long to wait between two questions to the provider.
        interval: Duration,
        /// When the provider may be asked next.
        ask_at: UnixMillis,
    },
}

/// Whom the provider says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Issuer and subject.
    pub subject: Subject,
    /// The username claim.
    pub username: String,
}

/// Who refused a sign-in; decides the problem code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// The provider or the person there.
    Provider,
    /// What the provider sent doesn't hold (signature, nonce, audience and so on).
    Check,
    /// The provider's time for it ran out.
    Time,
}

/// How far a sign-in has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The person is at the provider.
    Waiting,
    /// The browser came back and the provider vouched; the device's next poll completes it.
    SignedIn {
        /// Who.
        person: Person,
        /// The refresh token, if one was given.
        refresh: Option<Sealed>,
    },
    /// The device has its certificate; asking again gives the same answer.
    Done {
        /// Which device it has become.
        device: DeviceId,
    },
    /// It failed for good.
    Refused {
        /// Who refused.
        by: RefusedBy,
        /// For the person.
        detail: String,
    },
}

/// One sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its name.
    pub id: FlowId,
    /// The key of the device that asks; it alone may poll.
    pub key: DeviceKey,
    /// Where the person signs in.
    pub provider: ProviderRef,
    /// How.
    pub way: Way,
    /// How far it has come.
    pub stage: Stage,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// What a poll by the device does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollStep {
    /// Nothing: come back after this long.
    Wait(Duration),
    /// Ask the provider; save this first, so that nobody else asks at the same time.
    Ask(Flow),
    /// The provider has vouched: complete it.
    Complete {
        /// For whom.
        person: Person,
        /// The refresh token, if one was given.
        refresh: Option<Sealed>,
    },
    /// It was completed before.
    Done(DeviceId),
    /// It failed.
    Refused(RefusedBy, String),
    /// Its time has passed.
    Expired,
}

impl Flow {
    /// Decides what a poll does at `now`.
    pub fn poll(&self, now: UnixMillis) -> PollStep {
        if now >= self.expires_at {
            return PollStep::Expired;
        }
        match (&self.stage, &self.way) {
            (Stage::Done { device }, _) => PollStep::Done(*device),
            (Stage::Refused { by, detail }, _) => PollStep::Refused(*by, detail.clone()),
            (Stage::SignedIn { person, refresh }, _) => {
                PollStep::Complete { person: person.clone(), refresh: refresh.clone() }
            }
            (Stage::Waiting, Way::Code { .. }) => PollStep::Wait(DEFAULT_INTERVAL),
            (Stage::Waiting, Way::Device { ask_at, .. }) if now < *ask_at => {
                PollStep::Wait(ask_at.since(now))
            }
            (Stage::Waiting, Way::Device { .. }) => PollStep::Ask(self.clone().asked(now)),
        }
    }

    fn asked(mut self, now: UnixMillis) -> Self {
        if let Way::Device { interval, ask_at, .. } = &mut self.way {
            *ask_at = now.plus(*interval);
        }
        self
    }

    /// The provider said `slow_down`: this and all later questions wait 5 seconds longer (RFC 8628 3.5).
    #[must_use]
    pub fn slowed(mut self, now: UnixMillis) -> Self {
        if let Way::Device { interval, .. } = &mut self.way {
            *interval += DEFAULT_INTERVAL;
        }
        self.asked(now)
    }

    /// At another stage.
    #[must_use]
    pub fn at(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    fn flow() -> Flow {
        Flow {
            id: FlowId::random(&SeededRng::new(1)),
            key: DeviceKey { spki: vec![1], thumbprint: "t".to_owned() },
            provider: ProviderRef { issuer: "https://idp.example".to_owned(), client_id: "wickr".to_owned() },
            way: Way::Device {
                device_code: Sealed(vec![1]),
                interval: Duration::from_secs(5),
                ask_at: UnixMillis(5_000),
            },
            stage: Stage::Waiting,
            expires_at: UnixMillis(600_000),
        }
    }

    fn asked(step: PollStep) -> Flow {
        match step {
            PollStep::Ask(flow) => flow,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_provider_is_asked_at_its_interval_however_often_the_device_polls() {
        assert_eq!(flow().poll(UnixMillis(4_999)), PollStep::Wait(Duration::from_millis(1)));
        let flow = asked(flow().poll(UnixMillis(5_000)));
        assert_eq!(flow.poll(UnixMillis(5_001)), PollStep::Wait(Duration::from_millis(4_999)));
        asked(flow.poll(UnixMillis(10_000)));
    }

    #[test]
    fn slow_down_adds_five_seconds_for_good() {
        let flow = flow().slowed(UnixMillis(5_000));
        assert_eq!(flow.poll(UnixMillis(5_000)), PollStep::Wait(Duration::from_secs(10)));
        let flow = asked(flow.poll(UnixMillis(15_000)));
        assert_eq!(flow.poll(UnixMillis(15_000)), PollStep::Wait(Duration::from_secs(10)));
    }

    #[test]
    fn an_ended_sign_in_answers_expired_whatever_its_stage() {
        let device = DeviceId::random(&SeededRng::new(2));
        for stage in [Stage::Waiting, Stage::Done { device }] {
            assert_eq!(flow().at(stage).poll(UnixMillis(600_000)), PollStep::Expired);
        }
    }

    #[test]
    fn a_completed_sign_in_gives_the_same_answer_again() {
        let device = DeviceId::random(&SeededRng::new(2));
        let done = flow().at(Stage::Done { device });
        assert_eq!(done.poll(UnixMillis(1)), PollStep::Done(device));
        assert_eq!(done.poll(UnixMillis(2)), PollStep::Done(device));
    }

    #[test]
    fn a_flow_id_reads_back_as_written() {
        let id = flow().id;
        assert_eq!(id.to_string().parse::<FlowId>().unwrap(), id);
        assert!("zz".parse::<FlowId>().is_err());
    }
}
