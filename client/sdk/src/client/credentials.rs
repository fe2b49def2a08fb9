//! The two credentials that age: the session token (minutes) and the device certificate (months).

use std::time::Duration;

use wickr_base::UnixMillis;
use wickr_wire::ProblemCode;

use super::core::{Core, Standing};
use crate::Error;
use crate::network::{self, Believed, FetchAnew};
use crate::store::Session;

/// A token is renewed when less than this is left of it.
const TOKEN_MARGIN: Duration = Duration::from_mins(5);

/// Certificates are renewed in the last 30 of their 90 days ...
const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// ... spread over a week, so that not all devices of a room commit on one day.
const RENEW_SPREAD_SECONDS: u64 = 7 * 24 * 3600;

/// When a device renews a certificate that ends at `not_after`; `device` (random bytes) spreads it.
fn renewal_due(not_after: UnixMillis, device: &[u8; 16]) -> UnixMillis {
    let [a, b, c, d, ..] = *device;
    let offset = u64::from(u32::from_be_bytes([a, b, c, d])) % RENEW_SPREAD_SECONDS;
    not_after.minus(RENEW_BEFORE).plus(Duration::from_secs(offset))
}

/// Whether sso's refusal means that only a new sign-in helps. (A proof that does not hold, `unauthenticated`, may be
/// just a wrong clock.)
fn ends_session(code: Option<ProblemCode>) -> bool {
    use ProblemCode::{DeviceRevoked, SessionExpired, SignInRefused};
    matches!(code, Some(DeviceRevoked | SessionExpired | SignInRefused))
}

impl Core {
    /// A session token with some life in it; renewed when it runs out.
    pub(super) async fn token(&self) -> Result<Session, Error> {
        let _one_at_a_time = self.renewals.lock().await;
        let now = self.environment.clock.now();
        let held = self.store.session()?;
        if let Some(held) = &held
            && held.expires.since(now) > TOKEN_MARGIN
        {
            return Ok(held.clone());
        }
        // With an expired certificate there is no token; a renewal needs none.
        if self.engine().identity().not_after() <= now {
            self.renew_certificate().await?;
        }
        match self.sso().session(self.account().device).await {
            Ok(session) => {
                self.store.save_session(&session)?;
                Ok(session)
            }
            Err(error) if ends_session(error.code()) => Err(Error::SignedOut(why(&error))),
            Err(error) => match held {
                // Better the rest of the old one than nothing.
                Some(held) if held.expires > now => Ok(held),
                _ => Err(error.into()),
            },
        }
    }

    /// The relay does not take the token: the next one comes from sso, which knows why.
    pub(super) fn forget_token_if_refused(&self, error: &Error) -> Result<(), Error> {
        let refused = [ProblemCode::SessionExpired, ProblemCode::Unauthenticated];
        if matches!(error, Error::Relay(_)) && error.code().is_some_and(|code| refused.contains(&code)) {
            self.store.forget_session()?;
        }
        Ok(())
    }

    /// When the token should be renewed, from now.
    pub(super) fn token_lasts(&self) -> Result<Duration, Error> {
        let now = self.environment.clock.now();
        let left = self.store.session()?.map_or(Duration::ZERO, |session| session.expires.since(now));
        Ok(left.saturating_sub(TOKEN_MARGIN))
    }

    /// Whether this device's certificate is from an issuer that is trusted still.
    pub(super) fn is_certified(&self) -> bool {
        let standing = self.standing.read();
        standing.believed.certifies(standing.engine.identity().certificate())
    }

    /// Renews the certificate when its time has come, or its issuer has gone; the rooms follow with commits.
    pub(super) async fn renew_certificate(&self) -> Result<(), Error> {
        let standing = self.standing.read().clone();
        let not_after = standing.engine.identity().not_after();
        let due = renewal_due(not_after, standing.account.device.as_bytes());
        if self.relay_now() < due && self.is_certified() {
            return Ok(());
        }
        let mut account = standing.account;
        account.certificate = standing.sso.certificate(account.device).await?;
        let renewed = Standing::new(account.clone(), standing.believed, &self.key, &self.environment)?;
        if renewed.engine.uri() != standing.engine.uri() {
            let uri = renewed.engine.uri();
            return Err(Error::SignedOut(format!("sso renewed the certificate for another device, {uri}")));
        }
        self.store.save_account(&account)?;
        *self.standing.write() = renewed;
        Ok(())
    }

    /// The network document, fetched again when it has expired or `anew` says so.
    pub(super) async fn renew_document(&self, anew: FetchAnew) -> Result<Believed, Error> {
        let believed = network::refresh(&self.store, &self.environment, anew).await?;
        let held = self.believed();
        if held.document().number != believed.document().number {
            let account = self.account();
            let standing = Standing::new(account, believed.clone(), &self.key, &self.environment)?;
            *self.standing.write() = standing;
            self.announce();
        }
        Ok(believed)
    }
}

/// The whole chain in one line, because a person reads it in `status`.
pub(super) fn why(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        cause = next.source();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn certificates_are_renewed_in_a_week_from_day_sixty(device in any::<[u8; 16]>()) {
            let day = Duration::from_hours(24);
            let issued = UnixMillis(0);
            let due = renewal_due(issued.plus(day * 90), &device);
            prop_assert!(due >= issued.plus(day * 60) && due < issued.plus(day * 67));
        }
    }
}
