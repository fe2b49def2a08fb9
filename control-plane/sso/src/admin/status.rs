//! sso's own part of `GET /status`: the provider, the test certificate, which key signs for devices, how many people and
//! devices, the volume.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wickr_base::UnixMillis;
use wickr_model::ProviderRecord;
use wickr_store::directory::DirectoryError;

use crate::provider::{InService, Look};
use crate::refused::causes;
use crate::state::Sso;

/// Always an object with all its members; what can't be told is null, and `store.error` says why.
pub(crate) async fn status(sso: Arc<Sso>) -> Map<String, Value> {
    let mut status = Map::new();
    let counted = sso.count().await;
    let (users, devices, previous) = match &counted {
        Ok(counted) => (json!(counted.users), json!(counted.devices), counted.previous.as_ref()),
        Err(_) => (Value::Null, Value::Null, None),
    };
    let mut store = sso.store.lock().clone();
    if let Err(error) = &counted {
        store.error = Some(causes(error));
    }
    status.insert("store".to_owned(), look(&store));
    status.insert("provider".to_owned(), provider(sso.active().as_deref(), previous));
    status.insert("certificate".to_owned(), look(&sso.certificate.lock()));
    let issuer = wickr_pki::root_pin(&sso.devices.anchor()).ok().map(|key| key.to_string());
    status.insert("device_issuer".to_owned(), json!(issuer));
    status.insert("users".to_owned(), users);
    status.insert("devices".to_owned(), devices);
    let disk = sso.directory.disk().ok();
    let disk = disk.map(|disk| json!({"free": disk.free, "total": disk.total}));
    status.insert("disk".to_owned(), json!(disk));
    status
}

struct Counted {
    users: u64,
    devices: u64,
    previous: Option<ProviderRecord>,
}

impl Sso {
    async fn count(&self) -> Result<Counted, DirectoryError> {
        let mut work = self.directory.read().await?;
        let users = work.users().count().await?;
        let devices = work.devices().count().await?;
        let previous = work.providers().previous().await?;
        Ok(Counted { users, devices, previous })
    }
}

fn provider(active: Option<&InService>, previous: Option<&ProviderRecord>) -> Value {
    let in_use = |issuer: &str, client_id: &str, generation: &str, since: UnixMillis| {
        json!({
            "issuer": issuer,
            "client_id": client_id,
            "generation": generation,
            "since": since.to_string(),
        })
    };
    let previous = previous.map(|record| {
        let provider = &record.provider;
        in_use(&provider.issuer, &provider.client_id, &record.generation, record.adopted_at)
    });
    let Some(active) = active else { return json!({"active": null, "previous": previous}) };
    let (settings, looks) = (&active.settings, active.looks());
    let reference = &settings.provider;
    json!({
        "active": in_use(&reference.issuer, &reference.client_id, &settings.generation, active.since),
        "previous": previous,
        "discovery": look(&looks.discovery),
        "keys": look(&looks.keys),
        "client": look(&looks.client),
        "id_tokens": look(&looks.id_tokens),
        "clock_skew_ms": looks.skew_ms,
    })
}

/// `at` is when it last went well: that it went well long ago is no comfort, so both times are told.
fn look(look: &Look) -> Value {
    json!({
        "ok": look.error.is_none() && look.at.is_some(),
        "at": look.at.map(|at| at.to_string()),
        "tried_at": look.tried_at.map(|at| at.to_string()),
        "error": look.error,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use wickr_base::Clock as _;

    use crate::testing::{Phone, World};

    #[tokio::test]
    async fn status_tells_the_provider_the_test_certificate_and_how_many_there_are() {
        let world = World::new().await;
        world.phone_of("alice").await;
        world.phone_of("alice").await;
        world.pass(Duration::from_secs(30));
        world.sso.round().await;
        let now = world.clock.now().to_string();
        let status = super::status(Arc::clone(&world.sso)).await;
        let provider = &status["provider"];
        assert_eq!(provider["active"]["issuer"], world.idp.issuer());
        for look in [&provider["discovery"], &provider["keys"], &status["certificate"]] {
            assert_eq!(
                (&look["ok"], &look["at"], &look["error"]),
                (&true.into(), &now.clone().into(), &().into())
            );
        }
        assert!(provider["clock_skew_ms"].as_i64().unwrap().abs() < 1_000);
        assert_eq!((&status["users"], &status["devices"]), (&1.into(), &2.into()));
        assert!(status["disk"]["total"].as_u64() > Some(0));
        assert!(!serde_json::to_string(&status).unwrap().contains("alice"));
    }

    #[tokio::test]
    async fn a_store_that_takes_no_writes_is_told() {
        let world = World::new().await;
        world.sso.round().await;
        assert_eq!(super::status(Arc::clone(&world.sso)).await["store"]["ok"], true);
        let well = world.clock.now().to_string();
        world.fill(true);
        world.pass(Duration::from_secs(30));
        world.sso.round().await;
        let store = &super::status(Arc::clone(&world.sso)).await["store"];
        assert_eq!((&store["ok"], &store["at"]), (&false.into(), &well.into()));
        assert!(store["error"].as_str().unwrap().contains("full"), "{store}");
        world.fill(false);
        world.sso.round().await;
        assert_eq!(super::status(Arc::clone(&world.sso)).await["store"]["ok"], true);
    }

    #[tokio::test]
    async fn a_provider_that_stops_answering_is_seen_at_the_next_look() {
        let world = World::new().await;
        let before = world.clock.now().to_string();
        world.idp.behave(|idp| idp.down = true);
        world.pass(Duration::from_secs(30));
        world.sso.round().await;
        let status = super::status(Arc::clone(&world.sso)).await;
        let look = &status["provider"]["discovery"];
        assert_eq!((&look["ok"], &look["at"]), (&false.into(), &before.into()));
        assert!(look["error"].as_str().unwrap().contains("openid-configuration"));
        world.idp.behave(|idp| idp.down = false);
        world.sso.round().await;
        let status = super::status(Arc::clone(&world.sso)).await;
        assert_eq!(status["provider"]["discovery"]["ok"], true);
    }

    #[tokio::test]
    async fn the_clock_of_a_provider_that_sends_no_date_is_seen_from_its_tokens() {
        let world = World::without_provider().await;
        world.idp.behave(|idp| idp.no_date = true);
        world.admin("POST", "/rehearse", Some(world.idp.settings("g1"))).await;
        let skew = async || {
            let status = super::status(Arc::clone(&world.sso)).await;
            status["provider"]["clock_skew_ms"].as_i64()
        };
        assert_eq!(skew().await, None);
        world.phone_of("alice").await;
        assert!(skew().await.unwrap().abs() < 1_000);
        let ahead = world.clock.now().seconds() + 90;
        world.idp.claim("iat", ahead.into());
        let refused = world.try_sign_in(&Phone::new(), "bob").await;
        assert_eq!(refused.code(), "sign-in-refused");
        world.sso.round().await;
        assert!(skew().await.unwrap() > 80_000, "told although nobody can sign in, and not forgotten");
    }

    #[tokio::test]
    async fn without_a_provider_everything_else_is_told() {
        let world = World::without_provider().await;
        world.sso.round().await;
        let status = super::status(Arc::clone(&world.sso)).await;
        assert!(status["provider"]["active"].is_null());
        assert_eq!(status["certificate"]["ok"], true);
    }
}
