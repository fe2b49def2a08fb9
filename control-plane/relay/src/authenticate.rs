//! Who is at the other end: a session token, the device's certificate, and the challenge signed with its key.

use std::sync::atomic::Ordering;

use aws_lc_rs::digest::{SHA256, digest};
use wickr_base::{DeviceId, MemberUri, UnixMillis};
use wickr_pki::check_device;
use wickr_pki::session::{SessionError, check_session_token};
use wickr_store::queue::{DeviceRevision, Operation};
use wickr_wire::relay::Authenticate;
use wickr_wire::{ProblemCode, challenge_answer};

use crate::connection::{Over, Session};
use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;

/// What was proved.
struct Proved {
    who: Who,
    session: String,
    expires_at: UnixMillis,
}

impl Session {
    /// The first frame, and again with each new token on the open connection.
    pub(crate) async fn authenticate(&mut self, request: u64, proof: Authenticate) -> Result<(), Over> {
        if self.who.is_none() {
            self.relay.following.wait_for_first_word().await;
        }
        let proved = match self.relay.check(&self.nonce, &proof, self.who.as_ref()) {
            Ok(proved) => proved,
            Err(refusal) => return self.answer(request, Err(refusal)).await,
        };
        let Proved { who, session, expires_at } = proved;
        // On an open connection the store is the one that it was opened with.
        if self.who.is_none()
            && let Err(refusal) = self.relay.sign_in(who.device, proof.store_revision).await
        {
            return self.answer(request, Err(refusal)).await;
        }
        self.shared.expires_at.store(expires_at.0, Ordering::Relaxed);
        *self.shared.session.lock() = Some((who.clone(), session));
        if self.who.is_none() {
            self.relay.meters.devices.inc();
            self.used = self.relay.limits.of(who.device);
            self.relay.live.claim(who.device, &self.shared);
        }
        // A revocation that came in between has not seen this connection.
        if self.relay.live.is_revoked(who.device) {
            self.shared.end(ProblemCode::DeviceRevoked, "this device has been revoked");
        }
        self.who = Some(who);
        self.done(request).await
    }
}

impl Relay {
    /// Durably, before anything of the device is touched: a copy of its store must not even end its connection.
    async fn sign_in(&self, device: DeviceId, revision: u64) -> Result<(), Refusal> {
        if revision == 0 {
            return Err(Refusal::malformed("an Authenticate without a store_revision"));
        }
        // What the device has told on its open connection counts first.
        self.write_acknowledged();
        self.ask(Operation::SignIn(DeviceRevision { device, revision })).await?;
        Ok(())
    }

    fn check(&self, nonce: &[u8], proof: &Authenticate, before: Option<&Who>) -> Result<Proved, Refusal> {
        let refuse = |why: &str| Refusal::new(ProblemCode::Unauthenticated, why.to_owned());
        if before.is_none() {
            self.following.check(self.clock.elapsed())?;
        }
        // By the clock, as sso does, and not by the store's time, which may stand still behind a clock that was wrong.
        let (held, now) = (self.document()?, self.clock.now());
        let claims = check_session_token(&proof.session_token, &held.device_anchors, &self.domain, now)
            .map_err(|error| match error {
                SessionError::Expired { .. } => Refusal::new(
                    ProblemCode::SessionExpired,
                    "the session token has expired; ask sso for a new one",
                ),
                error => refuse(&format!("{error}; ask sso for a new one")),
            })?;
        let device = check_device(&proof.certificate, &held.device_anchors, &self.domain, now)
            .map_err(|error| refuse(&format!("{error}; renew the certificate with sso")))?;
        if (claims.sub, claims.dev) != (device.user, device.device) {
            return Err(refuse("token and certificate are of different devices"));
        }
        claims.check_key(&device.public_key).map_err(|error| refuse(&error.to_string()))?;
        let hash = digest(&SHA256, proof.session_token.as_bytes());
        let signed = challenge_answer(nonce, hash.as_ref(), proof.store_revision);
        device
            .public_key
            .verify_der(&signed, &proof.signature)
            .map_err(|_| refuse("the challenge is not signed with the device's key"))?;
        if before.is_some_and(|before| before.device != device.device) {
            return Err(refuse("this connection is another device's"));
        }
        if self.live.is_revoked(device.device) {
            return Err(Refusal::new(ProblemCode::DeviceRevoked, "this device has been revoked"));
        }
        if self.live.has_ended(&claims.sid) {
            return Err(Refusal::new(ProblemCode::SessionExpired, "this session was ended; sign in again"));
        }
        let uri = MemberUri::Device { domain: self.domain.clone(), user: device.user, device: device.device };
        let who = Who { user: device.user, device: device.device, uri };
        Ok(Proved { who, expires_at: claims.expires_at(), session: claims.sid })
    }
}
