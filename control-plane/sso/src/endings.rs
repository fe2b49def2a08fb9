//! Ending what a device has: its session (sign-out) or itself (revocation). Relays hear of both through `feed`.

use wickr_base::Secret;
use wickr_model::{ChangeKind, Device, Ended, Session};
use wickr_store::directory::DirectoryError;

use crate::metrics::Operation;
use crate::provider::give_back;
use crate::seal::Place;
use crate::state::Sso;

impl Sso {
    /// Ends the device's session; the device stays and may sign in again.
    pub(crate) async fn sign_out(&self, device: &Device) -> Result<(), DirectoryError> {
        let now = self.clock.now();
        let mut work = self.directory.begin().await?;
        let Some(session) = work.sessions().lookup(device.id).await?.filter(|one| one.ended.is_none()) else {
            return Ok(());
        };
        let refresh = self.refresh_of(&session);
        let session = session.end(Ended::SignedOut);
        work.sessions().save(&session).await?;
        let kind = ChangeKind::SessionEnded(session.id);
        let change = work.changes().add(kind, device.user, device.id, now).await?;
        work.commit().await?;
        self.feed.note(change.number);
        self.give_back(&session, refresh).await;
        Ok(())
    }

    /// Revokes the device for ever; says whether it was not revoked before.
    pub(crate) async fn revoke(&self, device: Device) -> Result<bool, DirectoryError> {
        let now = self.clock.now();
        let mut work = self.directory.begin().await?;
        // Read again inside: two requests may revoke one device at a time.
        let current = work.devices().lookup(device.id).await?.unwrap_or(device);
        let Some(device) = current.revoke(now) else { return Ok(false) };
        work.devices().save(&device).await?;
        let session = work.sessions().lookup(device.id).await?;
        let ended = session.clone().map(|session| session.end(Ended::Revoked));
        if let Some(ended) = &ended {
            work.sessions().save(ended).await?;
        }
        let change = work.changes().add(ChangeKind::DeviceRevoked, device.user, device.id, now).await?;
        work.commit().await?;
        self.feed.note(change.number);
        self.metrics.devices_revoked.inc();
        if let Some(session) = session {
            let refresh = self.refresh_of(&session);
            self.give_back(&session, refresh).await;
        }
        Ok(true)
    }

    fn refresh_of(&self, session: &Session) -> Option<Secret<String>> {
        let place = Place::SessionRefresh(session.device, session.id);
        self.sealer.open(session.refresh.as_ref()?, place).ok()
    }

    /// Tells the provider that the token is no longer used. Only a courtesy: here the session is over already.
    async fn give_back(&self, session: &Session, refresh: Option<Secret<String>>) {
        let (Some(refresh), Ok(ready)) = (refresh, self.ready_for(&session.provider)) else { return };
        if ready.provider.looks().discovery.error.is_some() {
            return;
        }
        let asking = ready.provider.asking(&ready.known);
        if let Err(error) = self.ask(&ready, Operation::GiveBack, give_back(&asking, &refresh)).await {
            tracing::warn!(
                code = error.code().unwrap_or("unreachable"),
                "a refresh token was not given back"
            );
        }
    }
}
