//! The real store with troubles that a test can switch on: a writer that fails or has no room, work that hangs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use wickr_base::{DeviceId, Generation, Incarnation, MessageId, RoomId, Seq, UnixMillis};
use wickr_relay::Ticket;
use wickr_store::queue::{
    BackupDone, BatchReport, Completed, Disk, Entry, Followed, InboxItem, Membership, Operation,
    PendingRestore, Place, PoolCount, QueueStore, Rejected, Room, RoomNumber, Sink, StoreError, Trim, Usage,
};

/// What is amiss, and how often something was asked for.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// Every write fails with this.
    pub(crate) fails: Mutex<Option<StoreError>>,
    /// Handshakes are not taken in.
    pub(crate) no_room_for_handshakes: AtomicBool,
    /// Claims of key packages are kept back.
    pub(crate) claims_hang: AtomicBool,
    /// What the directory has changed is kept back.
    pub(crate) changes_hang: AtomicBool,
    /// So many times it is not known which removals are due.
    pub(crate) removals_unknown: AtomicUsize,
    /// Handshakes handed in.
    pub(crate) handshakes: AtomicUsize,
    /// Scans of the whole store.
    pub(crate) scans: AtomicUsize,
    hanging: Mutex<Vec<(Operation, Ticket)>>,
}

#[derive(Debug)]
pub(crate) struct TroubledStore {
    pub(crate) store: Arc<dyn QueueStore<Ticket>>,
    pub(crate) troubles: Arc<Troubles>,
}

pub(crate) struct TroubledSink {
    pub(crate) sink: Box<dyn Sink<Ticket>>,
    pub(crate) troubles: Arc<Troubles>,
}

impl Sink<Ticket> for TroubledSink {
    fn completed(&mut self, batch: &mut Vec<Completed<Ticket>>, report: BatchReport) {
        if let Some(error) = &*self.troubles.fails.lock() {
            for done in batch.iter_mut() {
                done.outcome = Err(error.clone());
            }
        }
        self.sink.completed(batch, report);
    }
}

impl Troubles {
    /// What hung is given up, and nothing hangs any more.
    pub(crate) fn let_go(&self) {
        self.claims_hang.store(false, Ordering::SeqCst);
        self.changes_hang.store(false, Ordering::SeqCst);
        self.hanging.lock().clear();
    }
}

#[async_trait]
impl QueueStore<Ticket> for TroubledStore {
    fn submit(&self, operation: Operation, ticket: Ticket) -> Result<(), Rejected<Ticket>> {
        if matches!(operation, Operation::Handshake(_)) {
            self.troubles.handshakes.fetch_add(1, Ordering::SeqCst);
            if self.troubles.no_room_for_handshakes.load(Ordering::SeqCst) {
                return Err(Rejected { ticket, closed: false });
            }
        }
        let hangs = match operation {
            Operation::Claim { .. } => self.troubles.claims_hang.load(Ordering::SeqCst),
            Operation::Apply(_) => self.troubles.changes_hang.load(Ordering::SeqCst),
            _ => false,
        };
        if hangs {
            self.troubles.hanging.lock().push((operation, ticket));
            return Ok(());
        }
        self.store.submit(operation, ticket)
    }

    fn waiting(&self) -> usize {
        self.store.waiting()
    }

    fn incarnation(&self) -> Incarnation {
        self.store.incarnation()
    }

    fn now(&self) -> UnixMillis {
        self.store.now()
    }

    async fn room(&self, id: &RoomId) -> Result<Option<Room>, StoreError> {
        self.store.room(id).await
    }

    async fn state(&self, room: RoomNumber) -> Result<Option<Bytes>, StoreError> {
        self.store.state(room).await
    }

    async fn memberships(&self, device: DeviceId) -> Result<Vec<Membership>, StoreError> {
        self.store.memberships(device).await
    }

    async fn log(
        &self,
        room: RoomNumber,
        after: Seq,
        to: Seq,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.store.log(room, after, to, most).await
    }

    async fn inbox(&self, device: DeviceId, after: u64, most: usize) -> Result<Vec<InboxItem>, StoreError> {
        self.store.inbox(device, after, most).await
    }

    async fn tree(&self, room: RoomNumber, at: Generation, epoch: u64) -> Result<Option<Bytes>, StoreError> {
        self.store.tree(room, at, epoch).await
    }

    async fn pool(&self, device: DeviceId) -> Result<PoolCount, StoreError> {
        self.store.pool(device).await
    }

    async fn revoked(&self) -> Result<Vec<DeviceId>, StoreError> {
        self.store.revoked().await
    }

    async fn rooms_with_removals(&self) -> Result<Vec<RoomId>, StoreError> {
        let left = &self.troubles.removals_unknown;
        if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(StoreError::Unreadable { what: "a removal" });
        }
        self.store.rooms_with_removals().await
    }

    async fn followed(&self) -> Result<Option<Followed>, StoreError> {
        self.store.followed().await
    }

    async fn answered(&self, device: DeviceId, id: MessageId) -> Result<Option<Place>, StoreError> {
        self.store.answered(device, id).await
    }

    async fn canary(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.store.canary().await
    }

    async fn trimmable(&self, at_most: usize) -> Result<Vec<Trim>, StoreError> {
        self.store.trimmable(at_most).await
    }

    async fn pending_restore(&self) -> Result<Option<PendingRestore>, StoreError> {
        self.store.pending_restore().await
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        self.troubles.scans.fetch_add(1, Ordering::SeqCst);
        self.store.usage().await
    }

    async fn oldest_undelivered(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.troubles.scans.fetch_add(1, Ordering::SeqCst);
        self.store.oldest_undelivered().await
    }

    async fn disk(&self) -> Result<Disk, StoreError> {
        self.store.disk().await
    }

    async fn backup(&self, directory: PathBuf) -> Result<BackupDone, StoreError> {
        self.store.backup(directory).await
    }
}
