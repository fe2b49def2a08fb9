//! Who this device is: account, key, session, the network as last believed, and where it stands with the relay.

use serde::{Deserialize, Serialize};
use wickr_base::{DeviceId, Domain, Handle, Incarnation, MemberUri, Secret, UnixMillis, UserId};
use wickr_policy::{JoinUrl, RootPin};

use super::{Store, StoreError};

/// The signed-in person on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The network.
    pub domain: Domain,
    /// The person.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// What the person is called in the directory.
    pub handle: Handle,
    /// The device's certificate, DER.
    pub certificate: Vec<u8>,
}

impl Account {
    /// The SAN URI of the certificate.
    pub fn uri(&self) -> MemberUri {
        MemberUri::Device { domain: self.domain.clone(), user: self.user, device: self.device }
    }
}

/// The proof to the services for the next minutes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) expires: UnixMillis,
}

/// The network document as it was served, and the pins of the roots that it may be under.
pub(crate) struct KeptDocument {
    pub(crate) body: Vec<u8>,
    pub(crate) pins: Vec<RootPin>,
}

/// Where the device stands with the relay's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) incarnation: Incarnation,
    pub(crate) inbox: u64,
}

impl Store {
    /// Who is signed in.
    pub fn account(&self) -> Result<Option<Account>, StoreError> {
        self.setting("account")
    }

    pub(crate) fn save_account(&self, account: &Account) -> Result<(), StoreError> {
        self.put_setting("account", account)
    }

    /// The device's private key, PKCS#8.
    pub(crate) fn device_key(&self) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        Ok(self.setting_bytes("device key")?.map(|key| Secret::new(key.to_vec())))
    }

    pub(crate) fn save_device_key(&self, pkcs8: &Secret<Vec<u8>>) -> Result<(), StoreError> {
        self.put_setting_bytes("device key", pkcs8.expose())
    }

    /// The certificate in the key packages that the relay holds; `None` when it holds none of this device.
    pub(crate) fn packages_certificate(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.setting_bytes("key packages' certificate")?.map(|certificate| certificate.to_vec()))
    }

    pub(crate) fn save_packages_certificate(&self, certificate: &[u8]) -> Result<(), StoreError> {
        self.put_setting_bytes("key packages' certificate", certificate)
    }

    pub(crate) fn session(&self) -> Result<Option<Session>, StoreError> {
        self.setting("session")
    }

    pub(crate) fn save_session(&self, session: &Session) -> Result<(), StoreError> {
        self.put_setting("session", session)
    }

    pub(crate) fn forget_session(&self) -> Result<(), StoreError> {
        self.with("forgetting a session token", |c| {
            c.execute("DELETE FROM setting WHERE name = 'session'", [])
        })?;
        Ok(())
    }

    /// How the network was joined.
    pub fn join_url(&self) -> Result<Option<JoinUrl>, StoreError> {
        self.setting("join")
    }

    /// The network document as served (it is checked again each time it is read), with the pins it may be under.
    pub(crate) fn document(&self) -> Result<Option<KeptDocument>, StoreError> {
        let Some(body) = self.setting_bytes("document")? else { return Ok(None) };
        let pins = self.setting("pins")?.unwrap_or_default();
        Ok(Some(KeptDocument { body: body.to_vec(), pins }))
    }

    pub(crate) fn save_document(
        &self,
        join: &JoinUrl,
        body: &[u8],
        pins: &[RootPin],
    ) -> Result<(), StoreError> {
        self.write(|| {
            self.put_setting("join", join)?;
            self.put_setting("pins", &pins)?;
            self.put_setting_bytes("document", body)
        })
    }

    /// The person's other devices that they have been told of.
    pub(crate) fn known_devices(&self) -> Result<Vec<DeviceId>, StoreError> {
        Ok(self.setting("known devices")?.unwrap_or_default())
    }

    pub(crate) fn save_known_devices(&self, devices: &Vec<DeviceId>) -> Result<(), StoreError> {
        if self.known_devices()? == *devices {
            return Ok(());
        }
        self.put_setting("known devices", devices)
    }

    pub(crate) fn place(&self) -> Result<Option<Place>, StoreError> {
        self.setting("relay place")
    }

    pub(crate) fn save_place(&self, place: &Place) -> Result<(), StoreError> {
        self.put_setting("relay place", place)
    }
}
