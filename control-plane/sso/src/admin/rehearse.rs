//! `POST /rehearse`: tries a provider; puts it in service when all went well and that is wanted. Whatever fails,
//! the last good one stays.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use wickr_service::JsonBody;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

use crate::metrics::Operation;
use crate::provider::{
    Check, InService, Rehearsed, Settings, SettingsBody, SettingsError, rehearse as try_out,
};
use crate::refused::{Refusal, Refused};
use crate::seal::SealError;
use crate::state::Sso;

#[derive(Deserialize)]
pub(super) struct RehearseBody {
    #[serde(flatten)]
    settings: SettingsBody,
    adopt: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct RehearseAnswer {
    passed: bool,
    adopted: bool,
    checks: Vec<Check>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RehearseError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("another rehearsal is running; try again when it is done")]
    Running,
    #[error("sealing the client secret")]
    Seal(#[from] SealError),
    #[error("adopting a provider")]
    Store(#[from] DirectoryError),
}

impl Refusal for RehearseError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Settings(_) => ProblemCode::Malformed,
            Self::Running => ProblemCode::Busy,
            Self::Seal(_) => ProblemCode::Internal,
            Self::Store(error) => error.code(),
        }
    }
}

pub(super) async fn rehearse(
    State(sso): State<Arc<Sso>>,
    JsonBody(body): JsonBody<RehearseBody>,
) -> Result<Json<RehearseAnswer>, Refused> {
    Ok(Json(sso.rehearse(body).await?))
}

impl Sso {
    async fn rehearse(&self, body: RehearseBody) -> Result<RehearseAnswer, RehearseError> {
        let settings = Settings::try_from(body.settings)?;
        let _one_at_a_time = self.rehearsing.try_lock().map_err(|_| RehearseError::Running)?;
        let began = self.clock.elapsed();
        let Rehearsed { checks, passed } = try_out(settings, self.door_limits, &*self.clock).await;
        self.metrics.provider(Operation::Rehearse, self.clock.elapsed().saturating_sub(began));
        for check in checks.iter().filter(|check| check.tried && !check.ok) {
            tracing::warn!(check = ?check.name, detail = check.detail, "a provider did not pass its rehearsal");
        }
        let answer = |adopted, passed| RehearseAnswer { passed, adopted, checks };
        match passed {
            None => Ok(answer(false, false)),
            Some(_) if !body.adopt => Ok(answer(false, true)),
            Some(provider) => {
                self.adopt(provider).await?;
                Ok(answer(true, true))
            }
        }
    }

    async fn adopt(&self, provider: InService) -> Result<(), RehearseError> {
        let record = provider.settings.seal(&self.sealer, &*self.rng, provider.since)?;
        let mut work = self.directory.begin().await?;
        // The same settings again change nothing that is kept, so that "previous" stays the one before.
        let again = work.providers().active().await?.is_some_and(|one| one.generation == record.generation);
        if !again {
            work.providers().adopt(&record).await?;
            work.commit().await?;
            tracing::info!(generation = record.generation, "a provider is in service");
        }
        *self.provider.write() = Some(Arc::new(provider));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::testing::World;

    #[tokio::test]
    async fn the_provider_before_is_kept_and_the_same_settings_again_change_nothing() {
        let world = World::new().await;
        for generation in ["g2", "g2"] {
            world.admin("POST", "/rehearse", Some(world.idp.settings(generation))).await;
        }
        let status = crate::admin::status(Arc::clone(&world.sso)).await;
        assert_eq!(status["provider"]["active"]["generation"], "g2");
        assert_eq!(status["provider"]["previous"]["generation"], "g1");
    }

    #[tokio::test]
    async fn a_sign_in_begun_with_another_client_ends_and_its_sessions_outlive_it_by_the_grace() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        let begun = world.begin(&phone).await;
        let mut work = world.sso.directory.begin().await.unwrap();
        let mut record = work.providers().active().await.unwrap().unwrap();
        record.provider.client_id = "another".to_owned();
        work.providers().adopt(&record).await.unwrap();
        work.commit().await.unwrap();
        let world = world.restarted().await;
        world.sso.round().await;
        world.pass(std::time::Duration::from_secs(5));
        assert_eq!(world.poll(&phone, &begun.text_of("flow")).await.code(), "sign-in-expired");
        world.pass(std::time::Duration::from_mins(54));
        assert_eq!(world.renew(&phone, "/v1/session").await.json["code"], json!(null));
        world.pass(std::time::Duration::from_mins(6));
        let refused = world.renew(&phone, "/v1/session").await;
        assert_eq!(refused.code(), "session-expired");
        assert!(refused.text_of("detail").contains("another identity provider"));
    }
}
