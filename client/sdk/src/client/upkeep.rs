//! What must be looked after while connected: key packages, own devices in all rooms, certificate, expired messages.

use std::sync::Arc;

use wickr_base::RoomId;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{KeyPackageCount, PublishKeyPackages, client_frame, reply};

use super::agenda::Task;
use super::commit::{Wanted, has_another_certificate};
use super::core::Core;
use super::credentials::why;
use crate::Error;
use crate::net::Link;
use crate::sign_in::Device;
use crate::store::Membership;

impl Core {
    /// One round; what fails is said and tried in the next one, because none of it stops messages.
    pub(super) async fn look_after(self: &Arc<Self>, link: &Link) {
        self.say("renewing the certificate", self.renew_certificate().await);
        self.say("bringing the certificate into rooms", self.plan_renewals());
        self.say("publishing key packages", self.publish_key_packages(link).await);
        self.say("bringing own devices into rooms", self.bring_own_devices(link).await);
        self.say("looking handles up", self.learn_handles().await);
        self.say(
            "purging expired messages",
            self.store.purge_expired(self.surely_past()).map(drop).map_err(Into::into),
        );
    }

    #[expect(clippy::unused_self, reason = "reads as what it is at the call")]
    fn say(&self, doing: &str, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            tracing::info!("{doing}: {}", why(&error));
        }
    }

    /// Keeps the pool filled, and a last-resort package there. Packages carry the device's certificate: when that one is
    /// renewed all are replaced, because they end with the one before, and nobody takes them once its issuer has gone.
    pub(super) async fn publish_key_packages(&self, link: &Link) -> Result<(), Error> {
        let engine = self.engine();
        let certificate = engine.identity().certificate();
        let replace = self.store.packages_certificate()?.is_none_or(|of| of != certificate);
        let held = if replace {
            KeyPackageCount::default()
        } else {
            let Some(held) = publish(link, PublishKeyPackages::default()).await? else { return Ok(()) };
            held
        };
        let timings = &self.environment.timings;
        let missing = if held.one_time < timings.key_packages_low {
            timings.key_packages_full.saturating_sub(held.one_time)
        } else {
            0
        };
        if missing == 0 && held.last_resort {
            return Ok(());
        }
        let now = self.relay_now();
        let packages = self.store.write(|| {
            let mut store = self.store.clone();
            let one_time = engine
                .key_packages(missing as usize, now, &mut store)
                .map_err(Error::mls("making key packages"))?;
            let last_resort = if held.last_resort {
                Vec::new()
            } else {
                engine
                    .last_resort(now, &mut store)
                    .map_err(Error::mls("making the last-resort key package"))?
            };
            Ok::<_, Error>(PublishKeyPackages {
                one_time: one_time.into_iter().map(Into::into).collect(),
                last_resort: last_resort.into(),
                replace,
            })
        })?;
        if publish(link, packages).await?.is_some() && replace {
            self.store.save_packages_certificate(certificate)?;
        }
        Ok(())
    }

    /// A person's newer devices are brought into all rooms by the devices that are in them.
    async fn bring_own_devices(self: &Arc<Self>, link: &Link) -> Result<(), Error> {
        let token = self.token().await?;
        let own = self.account();
        let devices = self.sso().devices(&token).await?;
        self.store.write(|| self.meet_own_devices(&devices))?;
        let devices: Vec<_> = devices
            .into_iter()
            .filter(|device| device.revoked_at.is_none() && device.signed_in && device.id != own.device)
            .map(|device| device.id)
            .collect();
        if devices.is_empty() {
            return Ok(());
        }
        let mut lacking: Vec<RoomId> = Vec::new();
        for room in self.store.rooms()? {
            if !room.is_usable() {
                continue;
            }
            let Some(group) = self.open(&room)? else { continue };
            let leaving = group.pending_removals();
            let is_in = |device| {
                group.roster().any(|member| member.uri.device().is_some_and(|(_, other)| other == device))
            };
            if leaving.is_empty() && !devices.iter().all(|device| is_in(*device)) {
                lacking.push(room.id);
            }
        }
        for room in lacking {
            let mut claimed = self.claim(link, &[own.user]).await?;
            claimed
                .guests
                .retain(|guest| guest.uri.device().is_some_and(|(_, device)| devices.contains(&device)));
            if !claimed.guests.is_empty() {
                self.commit(&room, &Wanted::Add(claimed.guests)).await?;
            }
        }
        Ok(())
    }

    /// Tells the person of each device of theirs that was not there before: whoever signs in under their name, by a trick
    /// or by the provider, becomes one, and is brought into all their rooms.
    pub(super) fn meet_own_devices(&self, devices: &[Device]) -> Result<(), Error> {
        let own = self.account();
        let mut known = self.store.known_devices()?;
        for device in devices.iter().filter(|device| device.id != own.device && device.revoked_at.is_none()) {
            if known.contains(&device.id) {
                continue;
            }
            known.push(device.id);
            let when = device.created_at.map_or_else(String::new, |at| format!(" at {at}"));
            let text = format!(
                "a device of {} signed in{when}, {}, and is brought into all your rooms; if this wasn't you: wickr \
                 devices revoke {}",
                own.handle, device.id, device.id
            );
            self.notice(None, None, text)?;
        }
        Ok(self.store.save_known_devices(&known)?)
    }

    /// Each room that has an earlier certificate of this device gets the present one by a commit with a path. Looked up
    /// each time: between a renewal and those commits the program may have ended.
    fn plan_renewals(&self) -> Result<(), Error> {
        let engine = self.engine();
        for room in self.store.rooms()?.into_iter().filter(|room| room.membership == Membership::Member) {
            match self.open(&room) {
                Ok(Some(group)) if has_another_certificate(&group, engine.identity()) => {
                    self.plan(&room.id, Task::Path);
                }
                Ok(_) => {}
                // A room that can't be opened keeps nothing from the others.
                Err(error) => self.say("looking for the certificate in a room", Err(error)),
            }
        }
        Ok(())
    }

    /// A change that need not be waited for.
    pub(super) fn later(&self, room: RoomId, wanted: Wanted) {
        self.wanted.lock().push((room, wanted));
        self.work.notify_one();
    }
}

/// `None` when the pool is full, or the relay wants to hear of it later.
async fn publish(link: &Link, packages: PublishKeyPackages) -> Result<Option<KeyPackageCount>, Error> {
    match link.ask(client_frame::Body::PublishKeyPackages(packages)).await {
        Ok(reply::Outcome::KeyPackageCount(count)) => Ok(Some(count)),
        Ok(_) => Err(Error::Protocol("something else than the number of key packages")),
        Err(error) if error.code() == Some(ProblemCode::TooMany) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
