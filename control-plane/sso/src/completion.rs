//! Completing a sign-in: person, device, certificate and session in one transaction. What leads here: the
//! endpoint `public/poll.rs`.

use wickr_base::{DeviceId, HandleError, UserId};
use wickr_model::{
    Admission, Device, DeviceRefusal, Enrolment, EnrolmentRefusal, Flow, Person, Sealed, Session, SessionId,
    Stage, User, admit, enrol, handle_of,
};
use wickr_store::directory::{DirectoryError, Transaction};
use wickr_wire::ProblemCode;

use crate::certificates::IssueError;
use crate::metrics::Outcome;
use crate::refused::Refusal;
use crate::seal::{Place, SealError};
use crate::state::Sso;

/// Why somebody whom the provider vouches for isn't let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompletionError {
    #[error(
        "the username that the identity provider gave can't be a handle; have its administrator change it"
    )]
    Handle(#[source] HandleError),
    #[error(transparent)]
    Enrolment(#[from] EnrolmentRefusal),
    #[error(transparent)]
    Device(#[from] DeviceRefusal),
    #[error("sealing the refresh token anew")]
    Seal(#[from] SealError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("completing a sign-in")]
    Store(#[from] DirectoryError),
}

impl Refusal for CompletionError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Handle(_) | Self::Device(DeviceRefusal::OtherPerson) => ProblemCode::SignInRefused,
            Self::Enrolment(EnrolmentRefusal::HandleTaken(_)) => ProblemCode::HandleTaken,
            Self::Device(DeviceRefusal::Revoked) => ProblemCode::DeviceRevoked,
            Self::Device(DeviceRefusal::TooMany) => ProblemCode::DeviceLimit,
            Self::Seal(_) => ProblemCode::Internal,
            Self::Issue(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// A completed sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub(crate) user: User,
    pub(crate) device: Device,
    pub(crate) session: Session,
}

impl Sso {
    /// Makes the device of `flow` a device of `person`.
    pub(crate) async fn complete(
        &self,
        flow: Flow,
        person: Person,
        refresh: Option<Sealed>,
    ) -> Result<Completed, CompletionError> {
        let outcome = self.try_complete(flow, person, refresh).await;
        match &outcome {
            Ok(_) => self.metrics.sign_in(Outcome::Completed),
            Err(error) if error.code() == ProblemCode::Internal => {}
            Err(_) => self.metrics.sign_in(Outcome::RefusedHere),
        }
        outcome
    }

    async fn try_complete(
        &self,
        flow: Flow,
        person: Person,
        refresh: Option<Sealed>,
    ) -> Result<Completed, CompletionError> {
        let handle = handle_of(&person.username, &self.domain).map_err(CompletionError::Handle)?;
        let now = self.clock.now();
        let mut work = self.directory.begin().await?;
        let by_subject = work.users().lookup_subject(&person.subject).await?;
        let by_handle = work.users().lookup_handle(&handle).await?;
        let new = UserId::random(&*self.rng);
        let enrolment = enrol(person.subject, handle, by_subject, by_handle.as_ref(), new, now)?;
        match &enrolment {
            Enrolment::Known(_) => {}
            Enrolment::New(user) => work.users().add(user).await?,
            Enrolment::Renamed(user) => work.users().save(user).await?,
        }
        let user = enrolment.user().clone();
        let device = self.admit(&mut *work, &user, &flow).await?;
        let session = SessionId::random(&*self.rng);
        let refresh = self.reseal(refresh, &flow, device.id, session)?;
        let session = Session::start(session, device.id, flow.provider.clone(), refresh, now);
        work.sessions().save(&session).await?;
        work.flows().save(&flow.at(Stage::Done { device: device.id })).await?;
        work.commit().await?;
        Ok(Completed { user, device, session })
    }

    async fn admit(
        &self,
        work: &mut dyn Transaction,
        user: &User,
        flow: &Flow,
    ) -> Result<Device, CompletionError> {
        let now = self.clock.now();
        let by_key = work.devices().lookup_key(&flow.key.spki).await?;
        let in_use = work.devices().count_of(user.id).await?;
        let device = match admit(user.id, by_key, in_use)? {
            Admission::Known(device) if !device.life.due(now) => return Ok(device),
            Admission::Known(device) => {
                let whose = (user.id, device.id);
                let (certificate, life) = self.devices.issue(whose, &flow.key.spki, &*self.rng, now)?;
                let device = device.renewed(certificate, life);
                work.devices().save(&device).await?;
                self.metrics.certificate(true);
                device
            }
            Admission::New => {
                let id = DeviceId::random(&*self.rng);
                let whose = (user.id, id);
                let (certificate, life) = self.devices.issue(whose, &flow.key.spki, &*self.rng, now)?;
                let key = flow.key.clone();
                let device =
                    Device { id, user: user.id, key, certificate, life, created_at: now, revoked_at: None };
                work.devices().add(&device).await?;
                self.metrics.certificate(false);
                device
            }
        };
        Ok(device)
    }

    /// A sealed value opens only in its place, so it is sealed anew for the session's row.
    fn reseal(
        &self,
        refresh: Option<Sealed>,
        flow: &Flow,
        device: DeviceId,
        session: SessionId,
    ) -> Result<Option<Sealed>, SealError> {
        let Some(refresh) = refresh else { return Ok(None) };
        let opened = self.sealer.open(&refresh, Place::FlowRefresh(flow.id))?;
        let place = Place::SessionRefresh(device, session);
        self.sealer.seal(opened.expose(), place, &*self.rng).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;
    use wickr_model::MAX_DEVICES;

    use crate::testing::{Phone, World};

    #[tokio::test]
    async fn the_same_person_has_one_user_and_a_device_for_each_key() {
        let world = World::new().await;
        let (mut first, second) = (world.phone_of("alice").await, world.phone_of("alice").await);
        assert_eq!(first.user, second.user);
        assert_ne!(first.device, second.device);
        let (device, certificate) = (first.device.clone(), first.certificate.clone());
        world.sign_in(&mut first, "alice").await;
        assert_eq!((first.device, first.certificate), (device, certificate), "signed in again: nothing new");
    }

    #[tokio::test]
    async fn a_handle_that_another_account_holds_is_refused_and_a_changed_one_is_followed() {
        let world = World::new().await;
        let alice = world.phone_of("alice").await;
        world.idp.claim("sub", json!("somebody else"));
        let refused = world.try_sign_in(&Phone::new(), "alice").await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "handle-taken"));
        assert!(refused.text_of("detail").contains("alice@hq.example"));
        world.idp.behave(|idp| idp.claims = None);
        world.idp.claim("preferred_username", json!("ally"));
        let renamed = world.try_sign_in(&Phone::new(), "alice").await;
        assert_eq!(
            (renamed.text_of("user"), renamed.text_of("handle")),
            (alice.user, "ally@hq.example".to_owned())
        );
    }

    #[tokio::test]
    async fn one_key_is_one_persons() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let refused = world.try_sign_in(&phone, "bob").await;
        assert_eq!(refused.code(), "sign-in-refused");
        assert!(refused.text_of("detail").contains("another person"));
    }

    #[tokio::test]
    async fn a_person_has_so_many_devices_until_one_is_revoked() {
        let world = World::new().await;
        let first = world.phone_of("alice").await;
        for _ in 1..MAX_DEVICES {
            world.phone_of("alice").await;
        }
        let refused = world.try_sign_in(&Phone::new(), "alice").await;
        assert_eq!(refused.code(), "device-limit");
        let path = format!("/v1/devices/{}", first.device);
        assert_eq!(world.signed(&first, "DELETE", &path).await.status, StatusCode::NO_CONTENT);
        world.phone_of("alice").await;
    }

    #[tokio::test]
    async fn no_secret_lies_open_in_the_store() {
        let world = World::new().await;
        world.begin_code(&Phone::new()).await;
        world.begin(&Phone::new()).await;
        world.phone_of("alice").await;
        let volume = world.volume();
        let holds = |text: &str| volume.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("alice@hq.example"), "the search finds what is there");
        for secret in [crate::testing::CLIENT_SECRET, "refresh-", "device-"] {
            assert!(!holds(secret), "{secret}");
        }
    }
}
