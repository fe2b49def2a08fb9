//! How much one device may ask of the relay: the table of rates, and what each device has used of them. What a device
//! has used outlives its connection, or it would only have to connect again. How many people a room may have is
//! judged in `handshake/size.rs`.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use wickr_base::{DeviceId, UserId};
use wickr_service::{Bucket, Rate};
use wickr_wire::ProblemCode;

use crate::refusal::Refusal;

/// The rates, each for one device, and the size of rooms. The defaults are far above what a person's device does, a busy
/// bot's included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayLimits {
    /// Application messages.
    pub messages: Rate,
    /// Bytes of application messages.
    pub bytes: Rate,
    /// Requests that are rare: commits, rooms, key packages, trees, rosters, new tokens.
    pub requests: Rate,
    /// People whose key packages are claimed.
    pub claims: Rate,
    /// One-time key packages that one person gets of one other before that person's last-resort one is given instead.
    pub one_time_packages: Rate,
    /// People in one room. Their devices are not counted, nor are services.
    pub room_members: NonZeroU32,
}

/// People in one room where the configuration says nothing: 500.
const ROOM_MEMBERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            messages: Rate::new(10_000, 60_000),
            bytes: Rate::new(64 << 20, 480 << 20),
            requests: Rate::new(1_000, 1_200),
            claims: Rate::new(600, 120),
            one_time_packages: Rate::new(5, 1),
            room_members: ROOM_MEMBERS,
        }
    }
}

/// One of the rates at which a device is told to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Messages,
    Bytes,
    Requests,
    Claims,
}

impl Limit {
    pub(crate) const ALL: [Self; 4] = [Self::Messages, Self::Bytes, Self::Requests, Self::Claims];

    /// As the configuration and the metric have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Bytes => "bytes",
            Self::Requests => "requests",
            Self::Claims => "claims",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Bytes => "bytes of messages",
            Self::Requests => "requests",
            Self::Claims => "key packages claimed",
        }
    }
}

/// A device has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) limit: Limit,
    pub(crate) time: Duration,
}

impl From<Wait> for Refusal {
    fn from(Wait { limit, time }: Wait) -> Self {
        // Never too early: it would be refused again.
        let after = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let detail = format!("too many {} in a short time; try again in {after} ms", limit.what());
        Self { retry_after_ms: after, limit: Some(limit), ..Self::new(ProblemCode::TooMany, detail) }
    }
}

/// What one device has used.
#[derive(Debug, Default)]
pub(crate) struct Used {
    messages: Bucket,
    bytes: Bucket,
    requests: Bucket,
    claims: Bucket,
}

impl Used {
    fn is_nothing(&self, elapsed: Duration) -> bool {
        [self.messages, self.bytes, self.requests, self.claims].iter().all(|bucket| bucket.is_full(elapsed))
    }
}

/// What a device has used, shared by its connections.
pub(crate) type Allowance = Arc<Mutex<Used>>;

/// What all devices have used.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    rates: RelayLimits,
    devices: Mutex<HashMap<DeviceId, Allowance>>,
    /// By who claims, of whom.
    one_time: Mutex<HashMap<(UserId, UserId), Bucket>>,
}

impl Limits {
    pub(crate) fn new(rates: RelayLimits) -> Self {
        Self { rates, ..Self::default() }
    }

    /// How many people one room may have.
    pub(crate) fn room_members(&self) -> NonZeroU32 {
        self.rates.room_members
    }

    /// The device's allowance, the same as long as anything of it is used.
    pub(crate) fn of(&self, device: DeviceId) -> Allowance {
        Arc::clone(self.devices.lock().entry(device).or_default())
    }

    /// One message of that many bytes: both or neither.
    pub(crate) fn message(&self, used: &Allowance, bytes: usize, elapsed: Duration) -> Result<(), Wait> {
        let mut used = used.lock();
        let mut messages = used.messages;
        messages
            .take(self.rates.messages, 1, elapsed)
            .map_err(|time| Wait { limit: Limit::Messages, time })?;
        used.bytes
            .take(self.rates.bytes, bytes as u64, elapsed)
            .map_err(|time| Wait { limit: Limit::Bytes, time })?;
        used.messages = messages;
        Ok(())
    }

    /// One rare request.
    pub(crate) fn request(&self, used: &Allowance, elapsed: Duration) -> Result<(), Wait> {
        let taken = used.lock().requests.take(self.rates.requests, 1, elapsed);
        taken.map_err(|time| Wait { limit: Limit::Requests, time })
    }

    /// A claim of so many people's key packages.
    pub(crate) fn claim(&self, used: &Allowance, people: usize, elapsed: Duration) -> Result<(), Wait> {
        let taken = used.lock().claims.take(self.rates.claims, people as u64, elapsed);
        taken.map_err(|time| Wait { limit: Limit::Claims, time })
    }

    /// Those of `targets` of whom `claimer` has had so many one-time packages that the rest is kept for others.
    pub(crate) fn kept(&self, claimer: UserId, targets: &[UserId], elapsed: Duration) -> Vec<UserId> {
        let mut one_time = self.one_time.lock();
        let mut take = |target: UserId| {
            let bucket = one_time.entry((claimer, target)).or_default();
            bucket.take(self.rates.one_time_packages, 1, elapsed).is_err()
        };
        targets.iter().copied().filter(|target| take(*target)).collect()
    }

    /// Forgets who is at rest: nothing used, nobody connected.
    pub(crate) fn sweep(&self, elapsed: Duration) {
        self.devices.lock().retain(|_, used| Arc::strong_count(used) > 1 || !used.lock().is_nothing(elapsed));
        self.one_time.lock().retain(|_, bucket| !bucket.is_full(elapsed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    const START: Duration = Duration::from_hours(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits::new(RelayLimits {
            messages: Rate::new(3, 60),
            bytes: Rate::new(1_000, 60_000),
            one_time_packages: Rate::new(2, 1),
            ..RelayLimits::default()
        })
    }

    fn device(seed: u64) -> DeviceId {
        DeviceId::random(&SeededRng::new(seed))
    }

    fn person(seed: u64) -> UserId {
        UserId::random(&SeededRng::new(seed))
    }

    #[test]
    fn what_a_device_has_used_outlives_its_connection_and_is_forgotten_when_it_came_back() {
        let limits = limits();
        let used = limits.of(device(1));
        for _ in 0..3 {
            limits.message(&used, 1, START).unwrap();
        }
        drop(used);
        limits.sweep(START);
        let wait = limits.message(&limits.of(device(1)), 1, START).unwrap_err();
        assert_eq!(wait, Wait { limit: Limit::Messages, time: SECOND });
        assert_eq!(limits.message(&limits.of(device(2)), 1, START), Ok(()), "others are not touched");
        limits.sweep(START + SECOND * 3);
        assert!(limits.devices.lock().is_empty());
    }

    #[test]
    fn a_message_that_has_too_many_bytes_uses_up_no_message() {
        let (limits, used) = (limits(), Allowance::default());
        limits.message(&used, 1_000, START).unwrap();
        for _ in 0..5 {
            let wait = limits.message(&used, 500, START).unwrap_err();
            assert_eq!((wait.limit, wait.time), (Limit::Bytes, SECOND / 2));
        }
        for _ in 0..2 {
            limits.message(&used, 0, START).unwrap();
        }
    }

    #[test]
    fn nobody_gets_all_one_time_packages_of_another_and_everybody_gets_some() {
        let limits = limits();
        let (alice, mallory, bob) = (person(1), person(2), person(3));
        let claims = |claimer| limits.kept(claimer, &[bob], START).is_empty();
        assert_eq!([claims(mallory), claims(mallory), claims(mallory)], [true, true, false]);
        assert!(claims(alice));
        limits.sweep(START + SECOND * 60);
        assert!(!limits.one_time.lock().contains_key(&(alice, bob)));
        assert!(limits.kept(mallory, &[bob], START + SECOND * 60).is_empty());
    }

    #[test]
    fn who_is_told_to_wait_is_told_for_how_long_rounded_up() {
        let refusal = Refusal::from(Wait { limit: Limit::Bytes, time: Duration::from_micros(1_500) });
        assert_eq!((refusal.code, refusal.retry_after_ms), (ProblemCode::TooMany, 2));
        assert!(refusal.detail.contains("bytes of messages"), "{}", refusal.detail);
    }
}
