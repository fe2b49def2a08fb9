//! Devices: whose key it is, how long its certificate lives, when it may be renewed. People: `user`.

use std::time::Duration;

use wickr_base::{DeviceId, UnixMillis, UserId};

/// How long a device certificate lives.
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// How long before its end a device certificate may be renewed: from day 60 of 90.
pub const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// How many devices of one person may be in use at a time.
pub const MAX_DEVICES: u64 = 20;

/// A device's public key and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    /// SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7).
    pub spki: Vec<u8>,
    /// JWK SHA-256 thumbprint, base64url (RFC 7638): what DPoP proofs and session tokens are bound to.
    pub thumbprint: String,
}

/// The span in which a device certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateLife {
    /// From when.
    pub not_before: UnixMillis,
    /// Until when.
    pub not_after: UnixMillis,
}

impl CertificateLife {
    /// Whether a new one may be had.
    pub fn due(&self, now: UnixMillis) -> bool {
        now >= self.not_after.minus(RENEW_BEFORE)
    }

    /// Whether it has ended.
    pub fn expired(&self, now: UnixMillis) -> bool {
        now >= self.not_after
    }
}

/// One device of a person. Revoked ones stay, so that their key never comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Made here; stands in certificates.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Its key; the same for its whole life.
    pub key: DeviceKey,
    /// The certificate last issued for it, DER.
    pub certificate: Vec<u8>,
    /// When that one is valid.
    pub life: CertificateLife,
    /// When it first signed in.
    pub created_at: UnixMillis,
    /// When it was revoked, if so.
    pub revoked_at: Option<UnixMillis>,
}

impl Device {
    /// The device with a new certificate.
    #[must_use]
    pub fn renewed(self, certificate: Vec<u8>, life: CertificateLife) -> Self {
        Self { certificate, life, ..self }
    }

    /// The device revoked at `now`; the first time counts. `None` when it was revoked before.
    pub fn revoke(self, now: UnixMillis) -> Option<Self> {
        self.revoked_at.is_none().then_some(Self { revoked_at: Some(now), ..self })
    }
}

/// What a signed-in person's key is to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The key of a device that this person has already: it signs in again.
    Known(Device),
    /// A key never seen: a new device.
    New,
}

/// Why a key isn't let in for this person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceRefusal {
    /// Revoked keys never come back.
    #[error("this device has been revoked; remove its profile and sign in with a new one")]
    Revoked,
    /// One key is one device of one person.
    #[error("this device belongs to another person; sign in with a profile of your own")]
    OtherPerson,
    /// The limit of devices is reached.
    #[error("you have {MAX_DEVICES} devices already; revoke one of them and sign in again")]
    TooMany,
}

/// Decides what a key is to `user`, given the device that holds it and how many devices are in use.
pub fn admit(user: UserId, by_key: Option<Device>, in_use: u64) -> Result<Admission, DeviceRefusal> {
    match by_key {
        Some(device) if device.user != user => Err(DeviceRefusal::OtherPerson),
        Some(device) if device.revoked_at.is_some() => Err(DeviceRefusal::Revoked),
        Some(device) => Ok(Admission::Known(device)),
        None if in_use >= MAX_DEVICES => Err(DeviceRefusal::TooMany),
        None => Ok(Admission::New),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::SeededRng;

    const DAY: Duration = Duration::from_hours(24);

    fn device(user: UserId) -> Device {
        let start = UnixMillis(0);
        Device {
            id: DeviceId::random(&SeededRng::new(7)),
            user,
            key: DeviceKey { spki: vec![1], thumbprint: "t".to_owned() },
            certificate: vec![2],
            life: CertificateLife { not_before: start, not_after: start.plus(CERTIFICATE_LIFETIME) },
            created_at: start,
            revoked_at: None,
        }
    }

    #[test]
    fn a_certificate_may_be_renewed_from_day_60_of_90() {
        let life = device(UserId::random(&SeededRng::new(1))).life;
        assert!(!life.due(life.not_before.plus(60 * DAY).minus(Duration::from_millis(1))));
        assert!(life.due(life.not_before.plus(60 * DAY)));
        assert!(!life.expired(life.not_before.plus(90 * DAY).minus(Duration::from_millis(1))));
        assert!(life.expired(life.not_before.plus(90 * DAY)));
    }

    #[test]
    fn a_key_belongs_to_one_person_and_never_comes_back_once_revoked() {
        let rng = SeededRng::new(1);
        let (alice, mallory) = (UserId::random(&rng), UserId::random(&rng));
        assert_eq!(admit(alice, Some(device(alice)), 1), Ok(Admission::Known(device(alice))));
        assert_eq!(admit(mallory, Some(device(alice)), 0), Err(DeviceRefusal::OtherPerson));
        let revoked = device(alice).revoke(UnixMillis(5)).unwrap();
        assert_eq!(admit(alice, Some(revoked.clone()), 0), Err(DeviceRefusal::Revoked));
        assert_eq!(revoked.revoke(UnixMillis(6)), None);
    }

    #[test]
    fn the_limit_holds_for_new_devices_and_not_for_those_that_are_there() {
        let alice = UserId::random(&SeededRng::new(1));
        assert_eq!(admit(alice, None, MAX_DEVICES), Err(DeviceRefusal::TooMany));
        assert_eq!(admit(alice, None, MAX_DEVICES - 1), Ok(Admission::New));
        assert!(admit(alice, Some(device(alice)), MAX_DEVICES).is_ok());
    }
}
