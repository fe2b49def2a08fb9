//! Sessions: how long a device goes on being let in, and when the provider is asked. Their start: `flow`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use wickr_base::{DeviceId, MessageId, Rng, UnixMillis};

use crate::{ProviderRef, Sealed};

/// How long a provider's yes is good for; it is not asked again before.
pub const ASK_EVERY: Duration = Duration::from_mins(15);

/// How long to wait before asking again a provider that could not be reached.
pub const RETRY_EVERY: Duration = Duration::from_secs(30);

/// How far a stamp may lie ahead and still be believed: clocks are set back by seconds every day.
const CLOCK_STEP: Duration = Duration::from_mins(5);

/// Names one session; stands in its tokens as `sid`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    /// A new random one.
    pub fn random(rng: &dyn Rng) -> Self {
        Self(rng.bytes())
    }
}

/// Why a text names no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no session: it has 32 lower-case hexadecimal digits")]
pub struct SessionIdError(String);

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        let id: MessageId = text.parse().map_err(|_| SessionIdError(text.chars().take(64).collect()))?;
        Ok(Self(id.0))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The person signed out.
    SignedOut,
    /// The provider no longer honours the refresh token (`invalid_grant`, RFC 6749 section 5.2).
    ByProvider,
    /// The device was revoked.
    Revoked,
}

impl Ended {
    /// As it stands in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "SignedOut",
            Self::ByProvider => "ByProvider",
            Self::Revoked => "Revoked",
        }
    }

    /// For the person, with what to do next.
    fn in_words(self) -> &'static str {
        match self {
            Self::SignedOut => "you have signed out; sign in again",
            Self::ByProvider => "the identity provider no longer vouches for it; sign in again",
            Self::Revoked => "the device has been revoked",
        }
    }

    /// Reads it back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::SignedOut, Self::ByProvider, Self::Revoked].into_iter().find(|why| why.as_str() == text)
    }
}

/// A device's session; one per device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose.
    pub device: DeviceId,
    /// Who vouches for it.
    pub provider: ProviderRef,
    /// The refresh token; none when the provider gave none, or the session is over.
    pub refresh: Option<Sealed>,
    /// When the person signed in.
    pub started_at: UnixMillis,
    /// When the provider last vouched.
    pub honoured_at: UnixMillis,
    /// When the provider was last asked, answer or not.
    pub asked_at: UnixMillis,
    /// Why it is over, if it is.
    pub ended: Option<Ended>,
}

/// What a request for a session token leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStep {
    /// Give one.
    Issue,
    /// Ask the provider first.
    Ask,
    /// Give none.
    Refuse(SessionRefusal),
}

/// Why there is no session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// It is over.
    #[error("the session is over: {}", .0.in_words())]
    Ended(Ended),
    /// The provider gave nothing that it could be asked with.
    #[error(
        "the identity provider gave no refresh token, so the session ended 15 minutes after the sign-in; \
         sign in again, and have the administrator add the scope offline_access"
    )]
    NoRefreshToken,
    /// The provider has been out of reach for longer than the grace.
    #[error(
        "the identity provider can't be reached, and has not vouched for this session for longer than the \
         grace of the network; try again later"
    )]
    GraceOver,
    /// The network has moved to another provider or client, longer ago than the grace.
    #[error("the network signs in with another identity provider now; sign in again")]
    OtherProvider,
}

impl Session {
    /// A session that has just begun.
    pub fn start(
        id: SessionId,
        device: DeviceId,
        provider: ProviderRef,
        refresh: Option<Sealed>,
        now: UnixMillis,
    ) -> Self {
        Self { id, device, provider, refresh, started_at: now, honoured_at: now, asked_at: now, ended: None }
    }

    /// Decides what a request at `now` leads to, given the provider in service and the network's grace.
    pub fn step(&self, active: Option<&ProviderRef>, grace: Duration, now: UnixMillis) -> SessionStep {
        if let Some(why) = self.ended {
            return SessionStep::Refuse(SessionRefusal::Ended(why));
        }
        // A yes from the future was given while the clock was wrong; it says nothing about how long ago it was.
        if now.since(self.honoured_at) < ASK_EVERY && self.honoured_at <= now.plus(CLOCK_STEP) {
            return SessionStep::Issue;
        }
        if self.refresh.is_none() {
            return SessionStep::Refuse(SessionRefusal::NoRefreshToken);
        }
        match active {
            Some(active) if *active != self.provider => {
                self.unreached(grace, now, SessionRefusal::OtherProvider)
            }
            None => self.unreached(grace, now, SessionRefusal::GraceOver),
            Some(_) if self.asked_at > self.honoured_at && now.since(self.asked_at) < RETRY_EVERY => {
                self.unreached(grace, now, SessionRefusal::GraceOver)
            }
            Some(_) => SessionStep::Ask,
        }
    }

    /// Decides for a provider that could not be asked: the grace counts from when it last vouched.
    pub fn unreached(&self, grace: Duration, now: UnixMillis, else_refuse: SessionRefusal) -> SessionStep {
        if now.since(self.honoured_at) <= grace.max(ASK_EVERY) {
            SessionStep::Issue
        } else {
            SessionStep::Refuse(else_refuse)
        }
    }

    /// The provider vouched; a new refresh token replaces the old one (RFC 6749 section 6).
    #[must_use]
    pub fn honoured(self, refresh: Option<Sealed>, now: UnixMillis) -> Self {
        Self { refresh: refresh.or(self.refresh), honoured_at: now, asked_at: now, ..self }
    }

    /// The provider was asked in vain.
    #[must_use]
    pub fn asked_in_vain(self, now: UnixMillis) -> Self {
        Self { asked_at: now, ..self }
    }

    /// The refresh token that replaces the one used came with an answer that counts for nothing else.
    #[must_use]
    pub fn replaced(self, refresh: Option<Sealed>) -> Self {
        Self { refresh: refresh.or(self.refresh), ..self }
    }

    /// It is over; nothing is kept that could bring it back.
    #[must_use]
    pub fn end(self, why: Ended) -> Self {
        Self { refresh: None, ended: Some(self.ended.unwrap_or(why)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    const GRACE: Duration = Duration::from_hours(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn provider(client_id: &str) -> ProviderRef {
        ProviderRef { issuer: "https://idp.example".to_owned(), client_id: client_id.to_owned() }
    }

    fn session(refresh: Option<Sealed>) -> Session {
        let rng = SeededRng::new(1);
        let id = SessionId::random(&rng);
        Session::start(id, DeviceId::random(&rng), provider("wickr"), refresh, UnixMillis(0))
    }

    fn alive() -> Session {
        session(Some(Sealed(vec![1])))
    }

    fn at(minutes: u32) -> UnixMillis {
        UnixMillis(0).plus(MINUTE * minutes)
    }

    #[test]
    fn the_provider_is_asked_at_most_every_15_minutes() {
        let here = provider("wickr");
        assert_eq!(alive().step(Some(&here), GRACE, at(14)), SessionStep::Issue);
        assert_eq!(alive().step(Some(&here), GRACE, at(15)), SessionStep::Ask);
        let honoured = alive().honoured(None, at(15));
        assert_eq!(honoured.refresh, Some(Sealed(vec![1])));
        assert_eq!(honoured.step(Some(&here), GRACE, at(29)), SessionStep::Issue);
        assert_eq!(honoured.step(Some(&here), GRACE, at(30)), SessionStep::Ask);
    }

    #[test]
    fn a_yes_from_the_future_is_asked_for_again() {
        let here = provider("wickr");
        let ahead = alive().honoured(None, at(24 * 60));
        assert_eq!(ahead.step(Some(&here), GRACE, at(24 * 60 - 5)), SessionStep::Issue, "a small step back");
        assert_eq!(ahead.step(Some(&here), GRACE, at(1)), SessionStep::Ask);
        assert_eq!(ahead.asked_in_vain(at(1)).step(Some(&here), GRACE, at(2)), SessionStep::Ask);
    }

    #[test]
    fn an_unreachable_provider_is_bridged_for_the_grace_and_not_longer() {
        let here = provider("wickr");
        let refused = SessionStep::Refuse(SessionRefusal::GraceOver);
        let silent = alive().asked_in_vain(at(60));
        assert_eq!(silent.step(Some(&here), GRACE, at(60)), SessionStep::Issue, "asked a moment ago");
        assert_eq!(silent.unreached(GRACE, at(60), SessionRefusal::GraceOver), SessionStep::Issue);
        assert_eq!(silent.unreached(GRACE, at(61), SessionRefusal::GraceOver), refused);
        assert_eq!(silent.step(Some(&here), GRACE, at(61)), SessionStep::Ask, "it may be back");
    }

    #[test]
    fn without_grace_a_session_still_lives_out_the_providers_last_yes() {
        let none = Duration::ZERO;
        assert_eq!(alive().unreached(none, at(15), SessionRefusal::GraceOver), SessionStep::Issue);
        assert!(matches!(alive().unreached(none, at(16), SessionRefusal::GraceOver), SessionStep::Refuse(_)));
    }

    #[test]
    fn another_provider_ends_the_sessions_of_the_first_after_the_grace() {
        let other = provider("other");
        assert_eq!(alive().step(Some(&other), GRACE, at(59)), SessionStep::Issue);
        let refused = SessionStep::Refuse(SessionRefusal::OtherProvider);
        assert_eq!(alive().step(Some(&other), GRACE, at(61)), refused);
    }

    #[test]
    fn a_session_without_a_refresh_token_lives_15_minutes() {
        let here = provider("wickr");
        assert_eq!(session(None).step(Some(&here), GRACE, at(14)), SessionStep::Issue);
        let refused = SessionStep::Refuse(SessionRefusal::NoRefreshToken);
        assert_eq!(session(None).step(Some(&here), GRACE, at(15)), refused);
    }

    #[test]
    fn an_ended_session_stays_ended_and_forgets_its_refresh_token() {
        let ended = alive().end(Ended::ByProvider).end(Ended::SignedOut);
        assert_eq!((ended.refresh.clone(), ended.ended), (None, Some(Ended::ByProvider)));
        let refused = SessionStep::Refuse(SessionRefusal::Ended(Ended::ByProvider));
        assert_eq!(ended.step(Some(&provider("wickr")), GRACE, at(1)), refused);
    }
}
