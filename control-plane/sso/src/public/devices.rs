//! `GET /v1/devices`: the devices of the person who asks, revoked ones too.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use wickr_base::UnixMillis;
use wickr_model::Device;
use wickr_store::directory::DirectoryError;

use crate::refused::Refused;
use crate::signed::Signed;
use crate::state::Sso;

#[derive(Debug, Serialize)]
pub(super) struct DevicesAnswer {
    devices: Vec<OwnDevice>,
}

#[derive(Debug, Serialize)]
struct OwnDevice {
    device: String,
    #[serde(with = "wickr_base::rfc3339")]
    created_at: UnixMillis,
    #[serde(with = "wickr_base::rfc3339")]
    certificate_expires_at: UnixMillis,
    /// The one that asks.
    this: bool,
    /// Whether it has a session that was not ended.
    signed_in: bool,
    #[serde(with = "wickr_base::rfc3339::option")]
    revoked_at: Option<UnixMillis>,
}

pub(super) async fn list(
    State(sso): State<Arc<Sso>>,
    Signed(device): Signed,
) -> Result<Json<DevicesAnswer>, Refused> {
    Ok(Json(sso.list_devices(&device).await?))
}

impl Sso {
    async fn list_devices(&self, asking: &Device) -> Result<DevicesAnswer, DirectoryError> {
        let mut work = self.directory.read().await?;
        let mut devices = Vec::new();
        let own = work.devices().list(asking.user).await?;
        for device in own {
            let session = work.sessions().lookup(device.id).await?;
            devices.push(OwnDevice {
                device: device.id.to_string(),
                created_at: device.created_at,
                certificate_expires_at: device.life.not_after,
                this: device.id == asking.id,
                signed_in: session.is_some_and(|session| session.ended.is_none()),
                revoked_at: device.revoked_at,
            });
        }
        Ok(DevicesAnswer { devices })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn a_person_sees_the_own_devices_oldest_first_and_which_is_which() {
        let world = World::new().await;
        let (old, phone) = (world.phone_of("alice").await, world.phone_of("alice").await);
        world.phone_of("bob").await;
        world.signed(&old, "POST", "/v1/sign-out").await;
        let answer = world.signed(&phone, "GET", "/v1/devices").await;
        let devices = answer.json["devices"].as_array().unwrap();
        assert_eq!(devices.len(), 2);
        let facts = |at: usize| {
            let flag = |name: &str| devices[at][name].as_bool().unwrap();
            (devices[at]["device"].as_str().unwrap().to_owned(), flag("this"), flag("signed_in"))
        };
        assert_eq!((facts(0), facts(1)), ((old.device, false, false), (phone.device, true, true)));
        assert!(devices[0]["revoked_at"].is_null());
    }
}
