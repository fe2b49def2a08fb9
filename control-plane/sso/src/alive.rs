//! Whether a device's session goes on: decided by `wickr_model::Session`, with the provider asked when it must be.

use std::time::Duration;

use wickr_base::Secret;
use wickr_model::{ChangeKind, Device, Ended, Session, SessionRefusal, SessionStep, Subject};
use wickr_store::directory::{DirectoryError, Transaction};
use wickr_wire::ProblemCode;

use crate::metrics::Operation;
use crate::provider::{IdTokenError, TokenError, ask_refresh, refresh_of};
use crate::refused::Refusal;
use crate::seal::{Place, SealError};
use crate::state::Sso;

/// Why a session doesn't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AliveError {
    #[error("the device has never signed in; sign in")]
    None,
    #[error(transparent)]
    Refused(SessionRefusal),
    #[error("looking after a session")]
    Store(#[from] DirectoryError),
    #[error("using a session's refresh token")]
    Seal(#[from] SealError),
}

impl Refusal for AliveError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Refused(SessionRefusal::GraceOver) => ProblemCode::ProviderUnreachable,
            Self::Refused(SessionRefusal::Ended(Ended::Revoked)) => ProblemCode::DeviceRevoked,
            Self::None | Self::Refused(_) => ProblemCode::SessionExpired,
            Self::Store(error) => error.code(),
            Self::Seal(_) => ProblemCode::Internal,
        }
    }
}

/// Refusals that are about the person: the token is void (RFC 6749 section 5.2), the person may not in any more, or
/// has to come by in a browser (OpenID Connect Core section 3.1.2.6).
const ENDING: [&str; 6] = [
    "invalid_grant",
    "access_denied",
    "interaction_required",
    "login_required",
    "consent_required",
    "account_selection_required",
];

/// The session as it stands now. Meanwhile the person may have signed out, or in again: then an answer about it is
/// about nothing any more.
async fn current(work: &mut dyn Transaction, session: &Session) -> Result<Session, AliveError> {
    let current = work.sessions().lookup(session.device).await?.ok_or(AliveError::None)?;
    if current.id == session.id && current.ended.is_none() {
        return Ok(current);
    }
    Err(AliveError::Refused(SessionRefusal::Ended(current.ended.unwrap_or(Ended::SignedOut))))
}

/// What the provider said about a session.
enum Answer {
    Honoured(Option<Secret<String>>),
    Refused,
    /// Nothing that counts. It may have replaced the refresh token all the same, and then the old one is worth nothing.
    Silent(Option<Secret<String>>),
}

impl Sso {
    /// The device's session, if it goes on.
    pub(crate) async fn alive(&self, device: &Device) -> Result<Session, AliveError> {
        // Two requests of one device must not use one refresh token at a time: a provider that changes it at
        // each use would take the second for a thief's.
        let _turn = self.turns.turn(device.id).await;
        let mut work = self.directory.read().await?;
        let session = work.sessions().lookup(device.id).await?.ok_or(AliveError::None)?;
        let user = work.users().lookup(device.user).await?.ok_or(AliveError::None)?;
        drop(work);
        let active = self.active();
        let reference = active.as_ref().map(|provider| &provider.settings.provider);
        let grace = active.as_ref().map_or(Duration::ZERO, |provider| provider.settings.refresh_grace);
        match session.step(reference, grace, self.clock.now()) {
            SessionStep::Issue => Ok(session),
            SessionStep::Refuse(why) => Err(AliveError::Refused(why)),
            SessionStep::Ask => self.ask_about(device, session, &user.subject, grace).await,
        }
    }

    async fn ask_about(
        &self,
        device: &Device,
        session: Session,
        subject: &Subject,
        grace: Duration,
    ) -> Result<Session, AliveError> {
        // A provider may replace the refresh token in its answer, and then the old one is worth nothing. So a write
        // is proven to succeed before it is asked: a full volume must not sign everybody out.
        let mut work = self.directory.begin().await?;
        let session = current(&mut *work, &session).await?.asked_in_vain(self.clock.now());
        work.sessions().save(&session).await?;
        work.commit().await?;
        let answer = self.answer(&session, subject).await?;
        let now = self.clock.now();
        let place = Place::SessionRefresh(device.id, session.id);
        let seal = |new: Option<Secret<String>>| {
            new.map(|new| self.sealer.seal(new.expose(), place, &*self.rng)).transpose()
        };
        let mut work = self.directory.begin().await?;
        let current = current(&mut *work, &session).await?;
        let (session, outcome, ended) = match answer {
            Answer::Honoured(refresh) => (current.honoured(seal(refresh)?, now), SessionStep::Issue, false),
            Answer::Silent(refresh) => {
                let session = current.asked_in_vain(now).replaced(seal(refresh)?);
                let step = session.unreached(grace, now, SessionRefusal::GraceOver);
                (session, step, false)
            }
            Answer::Refused => {
                let why = SessionRefusal::Ended(Ended::ByProvider);
                (current.end(Ended::ByProvider), SessionStep::Refuse(why), true)
            }
        };
        work.sessions().save(&session).await?;
        let change = if ended {
            let kind = ChangeKind::SessionEnded(session.id);
            Some(work.changes().add(kind, device.user, device.id, now).await?)
        } else {
            None
        };
        work.commit().await?;
        if let Some(change) = change {
            self.feed.note(change.number);
            self.metrics.sessions_ended_by_provider.inc();
        }
        match outcome {
            SessionStep::Refuse(why) => Err(AliveError::Refused(why)),
            SessionStep::Issue | SessionStep::Ask => Ok(session),
        }
    }

    async fn answer(&self, session: &Session, subject: &Subject) -> Result<Answer, SealError> {
        // Only ever to the provider that gave the token: another may have gone into service since.
        let (Ok(ready), Some(sealed)) = (self.ready_for(&session.provider), &session.refresh) else {
            return Ok(Answer::Silent(None));
        };
        // A provider that did not answer the last look would only make everybody wait.
        if ready.provider.looks().discovery.error.is_some() {
            return Ok(Answer::Silent(None));
        }
        let refresh = self.sealer.open(sealed, Place::SessionRefresh(session.device, session.id))?;
        let asking = ready.provider.asking(&ready.known);
        let tokens = match self.ask(&ready, Operation::Refresh, ask_refresh(&asking, &refresh)).await {
            Ok(tokens) => tokens,
            Err(TokenError::Refused { code, .. }) if ENDING.contains(&code.as_str()) => {
                return Ok(Answer::Refused);
            }
            Err(error) => {
                // Only the code: a provider's description may name the person.
                let code = error.code().unwrap_or("unreachable");
                tracing::warn!(code, "the identity provider did not answer about a session");
                return Ok(Answer::Silent(None));
            }
        };
        let new = match refresh_of(&tokens) {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(reason = error.to_string(), "a refresh token can't be kept");
                return Ok(Answer::Silent(None));
            }
        };
        Ok(match self.believe_refreshed(&ready, &tokens, subject).await {
            Ok(()) => Answer::Honoured(new),
            // The token is now somebody else's: whoever it was, it isn't this person any more.
            Err(TokenError::IdToken(IdTokenError::OtherSubject)) => Answer::Refused,
            Err(_) => Answer::Silent(new),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Answer;
    use crate::testing::{Idp, World};

    #[tokio::test]
    async fn a_refresh_token_never_goes_to_a_provider_that_came_into_service_meanwhile() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let mut work = world.sso.directory.read().await.unwrap();
        let session = work.sessions().lookup(phone.device.parse().unwrap()).await.unwrap().unwrap();
        let user = work.users().lookup(phone.user.parse().unwrap()).await.unwrap().unwrap();
        drop(work);
        // Between the decision to ask and the question.
        let other = Idp::start(Arc::clone(&world.clock)).await;
        let adopted = world.admin("POST", "/rehearse", Some(other.settings("g2"))).await;
        assert_eq!(adopted.json["adopted"], true);
        let answer = world.sso.answer(&session, &user.subject).await.unwrap();
        assert!(matches!(answer, Answer::Silent(None)));
        assert_eq!(other.asked("token"), 0);
        world.admin("POST", "/rehearse", Some(world.idp.settings("g3"))).await;
        let answer = world.sso.answer(&session, &user.subject).await.unwrap();
        assert!(matches!(answer, Answer::Honoured(Some(_))));
    }
}
