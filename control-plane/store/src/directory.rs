//! The directory's port: users, devices, sessions, sign-ins, providers, changes. SQLite behind it: `store-sql`.
//!
//! One value is one transaction: [`Directory::begin`] hands out a [`Transaction`] that sees one state and
//! leaves nothing behind unless it is committed. Writers queue behind each other; readers never wait.

#[cfg(feature = "conformance")]
pub mod conformance;

use std::fmt;
use std::path::Path;

use async_trait::async_trait;
use wickr_base::{DeviceId, Handle, Incarnation, UnixMillis, UserId};
use wickr_model::{Change, ChangeKind, Device, Flow, FlowId, ProviderRecord, Session, Subject, User};

use crate::queue::Disk;

/// Why the directory could not do something.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The engine failed.
    #[error("{doing}")]
    Engine {
        /// What was attempted, with its object in quotes.
        doing: String,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no space left to write to.
    #[error("{doing}: the volume of the store is full")]
    Full {
        /// What was attempted.
        doing: String,
    },
    /// Something with that key is there already.
    #[error("{doing}: there is one already")]
    Exists {
        /// What was attempted.
        doing: String,
    },
    /// A row does not read back as what it was written from.
    #[error("reading {what}: {why}")]
    Unreadable {
        /// Which row and column.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A directory.
#[async_trait]
pub trait Directory: Send + Sync + fmt::Debug {
    /// A transaction that may write; waits until the writer before it is done.
    async fn begin(&self) -> Result<Box<dyn Transaction>, DirectoryError>;

    /// A transaction that only reads, and never waits for a writer.
    async fn read(&self) -> Result<Box<dyn Transaction>, DirectoryError>;

    /// Which life of the store this is: new at creation and at restore.
    fn incarnation(&self) -> Incarnation;

    /// Writes `now` durably and reads it back: what a canary is to the queue.
    async fn canary(&self, now: UnixMillis) -> Result<(), DirectoryError>;

    /// Space on the store's volume.
    fn disk(&self) -> Result<Disk, DirectoryError>;

    /// Writes a consistent copy to `to`, in the place of an earlier one; the directory stays in use meanwhile.
    async fn backup(&self, to: &Path) -> Result<(), DirectoryError>;
}

/// One unit of work. Dropped without [`Transaction::commit`] it leaves nothing behind.
#[async_trait]
pub trait Transaction: Send {
    /// People.
    fn users(&mut self) -> Box<dyn Users + '_>;
    /// Their devices.
    fn devices(&mut self) -> Box<dyn Devices + '_>;
    /// The devices' sessions.
    fn sessions(&mut self) -> Box<dyn Sessions + '_>;
    /// Sign-ins under way.
    fn flows(&mut self) -> Box<dyn Flows + '_>;
    /// Identity providers.
    fn providers(&mut self) -> Box<dyn Providers + '_>;
    /// What relays must hear of.
    fn changes(&mut self) -> Box<dyn Changes + '_>;
    /// Makes it durable: after this a power cut loses none of it.
    async fn commit(self: Box<Self>) -> Result<(), DirectoryError>;
}

/// People.
#[async_trait]
pub trait Users: Send {
    /// By id.
    async fn lookup(&mut self, id: UserId) -> Result<Option<User>, DirectoryError>;
    /// By who it is at the provider.
    async fn lookup_subject(&mut self, subject: &Subject) -> Result<Option<User>, DirectoryError>;
    /// By exact handle.
    async fn lookup_handle(&mut self, handle: &Handle) -> Result<Option<User>, DirectoryError>;
    /// A new one; [`DirectoryError::Exists`] when id, subject or handle is taken.
    async fn add(&mut self, user: &User) -> Result<(), DirectoryError>;
    /// The handle of one that is there; [`DirectoryError::Exists`] when it is taken.
    async fn save(&mut self, user: &User) -> Result<(), DirectoryError>;
    /// How many there are.
    async fn count(&mut self) -> Result<u64, DirectoryError>;
}

/// Devices.
#[async_trait]
pub trait Devices: Send {
    /// By id, revoked ones too.
    async fn lookup(&mut self, id: DeviceId) -> Result<Option<Device>, DirectoryError>;
    /// By public key (SubjectPublicKeyInfo), revoked ones too.
    async fn lookup_key(&mut self, spki: &[u8]) -> Result<Option<Device>, DirectoryError>;
    /// All of a person, revoked ones too, oldest first.
    async fn list(&mut self, user: UserId) -> Result<Vec<Device>, DirectoryError>;
    /// A new one; [`DirectoryError::Exists`] when id or key is taken.
    async fn add(&mut self, device: &Device) -> Result<(), DirectoryError>;
    /// Certificate and revocation of one that is there.
    async fn save(&mut self, device: &Device) -> Result<(), DirectoryError>;
    /// How many of a person are not revoked.
    async fn count_of(&mut self, user: UserId) -> Result<u64, DirectoryError>;
    /// How many are not revoked.
    async fn count(&mut self) -> Result<u64, DirectoryError>;
}

/// Sessions, at most one per device.
#[async_trait]
pub trait Sessions: Send {
    /// The session of a device, ended ones too.
    async fn lookup(&mut self, device: DeviceId) -> Result<Option<Session>, DirectoryError>;
    /// Puts it in the place of the one that the device had.
    async fn save(&mut self, session: &Session) -> Result<(), DirectoryError>;
}

/// Sign-ins under way.
#[async_trait]
pub trait Flows: Send {
    /// By id.
    async fn lookup(&mut self, id: FlowId) -> Result<Option<Flow>, DirectoryError>;
    /// By the hash of the `state` that the browser brings back.
    async fn lookup_state(&mut self, state_hash: &[u8; 32]) -> Result<Option<Flow>, DirectoryError>;
    /// A new one.
    async fn add(&mut self, flow: &Flow) -> Result<(), DirectoryError>;
    /// Way and stage of one that is there.
    async fn save(&mut self, flow: &Flow) -> Result<(), DirectoryError>;
    /// Removes those that ended before `before`; says how many.
    async fn remove_ended(&mut self, before: UnixMillis) -> Result<u64, DirectoryError>;
    /// How many there are.
    async fn count(&mut self) -> Result<u64, DirectoryError>;
}

/// Identity providers: the one in service and the one before it.
#[async_trait]
pub trait Providers: Send {
    /// The one in service.
    async fn active(&mut self) -> Result<Option<ProviderRecord>, DirectoryError>;
    /// The one before it.
    async fn previous(&mut self) -> Result<Option<ProviderRecord>, DirectoryError>;
    /// Puts `record` in service; the one that was becomes the previous one.
    async fn adopt(&mut self, record: &ProviderRecord) -> Result<(), DirectoryError>;
}

/// Numbered changes.
#[async_trait]
pub trait Changes: Send {
    /// The next one; its number is one more than the highest there ever was.
    async fn add(
        &mut self,
        kind: ChangeKind,
        user: UserId,
        device: DeviceId,
        at: UnixMillis,
    ) -> Result<Change, DirectoryError>;
    /// Those with a number above `after`, in order, at most `limit`.
    async fn list(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, DirectoryError>;
    /// The highest number; 0 when there is none.
    async fn head(&mut self) -> Result<u64, DirectoryError>;
}
