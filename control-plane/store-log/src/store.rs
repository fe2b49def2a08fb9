//! The engine as the port sees it. What the writer does: `writer.rs`; reads: `reader.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;
use wickr_base::{Clock, DeviceId, Generation, Incarnation, MessageId, Rng, RoomId, Seq, UnixMillis};
use wickr_store::queue::{
    BackupDone, Disk, Entry, Followed, InboxItem, Membership, Operation, Place, PoolCount, QueueStore,
    Rejected, Room, RoomNumber, Sink, StoreError, Usage,
};

use crate::error::{OpenError, file};
use crate::opening::{self, DirectoryLock};
use crate::tables::Tables;
use crate::writer::{Queue, Writer};
use crate::{backup, reader, space};

/// Where the store lies.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory; the store is in `queue` below it.
    pub data: PathBuf,
}

/// The embedded queue store. Dropping it completes what was handed in, then closes it.
pub struct LogStore<T> {
    shared: Arc<Shared>,
    queue: Arc<Queue<T>>,
    writer: Option<JoinHandle<()>>,
    _lock: DirectoryLock,
}

/// What writer and readers share.
pub(crate) struct Shared {
    pub(crate) data: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) incarnation: Incarnation,
    pub(crate) time: Arc<AtomicI64>,
    /// `None` while the writer opens it again after a failure.
    pub(crate) tables: RwLock<Option<Arc<Tables>>>,
}

impl Shared {
    /// The store's time, which only ever rises.
    pub(crate) fn now(&self) -> UnixMillis {
        let clock = self.clock.now().0;
        UnixMillis(self.time.fetch_max(clock, Ordering::Relaxed).max(clock))
    }

    pub(crate) fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        self.tables.read().clone().ok_or(StoreError::Closed)
    }

    pub(crate) fn disk(&self) -> Result<Disk, StoreError> {
        space::disk(&self.data)
    }
}

impl<T: Send + 'static> LogStore<T> {
    /// Opens the store in the data directory, creating it when there is none, and starts its writer.
    pub fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
        sink: Box<dyn Sink<T>>,
    ) -> Result<Self, OpenError> {
        let data = settings.data.clone();
        let lock = opening::lock(&data)?;
        if opening::adopt_restored(&data)? {
            tracing::info!("a restored store has taken the place of the one before");
        }
        let time = Arc::new(AtomicI64::new(0));
        let tables = opening::tables(&data, &time)?;
        let incarnation = opening::incarnation(&tables, rng)?;
        let tables = RwLock::new(Some(Arc::new(tables)));
        let shared = Arc::new(Shared { data, clock, incarnation, time, tables });
        let queue = Arc::new(Queue::default());
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(&queue), sink);
        let spawned = std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| writer.run());
        let writer = Some(file("starting the writer for", &shared.data, spawned)?);
        Ok(Self { shared, queue, writer, _lock: lock })
    }
}

impl<T> LogStore<T> {
    /// Runs a read away from the async threads: it may wait for the disk.
    async fn reading<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Tables, UnixMillis) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let shared = Arc::clone(&self.shared);
        let reading = tokio::task::spawn_blocking(move || read(&*shared.tables()?, shared.now()));
        reading.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl<T> Drop for LogStore<T> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
        self.shared.tables.write().take();
    }
}

impl<T> std::fmt::Debug for LogStore<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStore").field("data", &self.shared.data).finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: Send + 'static> QueueStore<T> for LogStore<T> {
    fn submit(&self, operation: Operation, ticket: T) -> Result<(), Rejected<T>> {
        self.queue.push(operation, ticket)
    }

    fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    fn incarnation(&self) -> Incarnation {
        self.shared.incarnation
    }

    fn now(&self) -> UnixMillis {
        self.shared.now()
    }

    async fn room(&self, id: &RoomId) -> Result<Option<Room>, StoreError> {
        let id = id.clone();
        self.reading(move |tables, _| reader::room(tables, &id)).await
    }

    async fn state(&self, room: RoomNumber) -> Result<Option<Bytes>, StoreError> {
        self.reading(move |tables, _| reader::state(tables, room)).await
    }

    async fn memberships(&self, device: DeviceId) -> Result<Vec<Membership>, StoreError> {
        self.reading(move |tables, _| reader::memberships(tables, device)).await
    }

    async fn log(
        &self,
        room: RoomNumber,
        after: Seq,
        through: Seq,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.reading(move |tables, now| reader::log(tables, now, room, after, through, max_bytes)).await
    }

    async fn inbox(
        &self,
        device: DeviceId,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<InboxItem>, StoreError> {
        self.reading(move |tables, now| reader::inbox(tables, now, device, after, max_bytes)).await
    }

    async fn tree(
        &self,
        room: RoomNumber,
        generation: Generation,
        epoch: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        self.reading(move |tables, now| reader::tree(tables, now, room, generation, epoch)).await
    }

    async fn pool(&self, device: DeviceId) -> Result<PoolCount, StoreError> {
        self.reading(move |tables, _| reader::pool(tables, device)).await
    }

    async fn revoked(&self) -> Result<Vec<DeviceId>, StoreError> {
        self.reading(|tables, _| reader::revoked(tables)).await
    }

    async fn rooms_with_removals(&self) -> Result<Vec<RoomId>, StoreError> {
        self.reading(|tables, _| reader::rooms_with_removals(tables)).await
    }

    async fn followed(&self) -> Result<Option<Followed>, StoreError> {
        self.reading(|tables, _| reader::followed(tables)).await
    }

    async fn answered(&self, device: DeviceId, id: MessageId) -> Result<Option<Place>, StoreError> {
        self.reading(move |tables, now| reader::answered(tables, now, device, id)).await
    }

    async fn canary(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.reading(|tables, _| reader::canary(tables)).await
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        self.reading(|tables, _| Ok(reader::usage(tables))).await
    }

    async fn oldest_undelivered(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.reading(reader::oldest_undelivered).await
    }

    async fn disk(&self) -> Result<Disk, StoreError> {
        self.shared.disk()
    }

    async fn backup(&self, directory: PathBuf) -> Result<BackupDone, StoreError> {
        self.reading(move |tables, _| backup::write(tables, &directory).map_err(failed)).await
    }
}

fn failed(error: OpenError) -> StoreError {
    match error {
        OpenError::Store(error) => error,
        error => StoreError::Failed { attempted: "writing the backup", cause: error.to_string() },
    }
}

/// Writes a backup of a store that no process has open.
pub fn backup_closed(data: &Path, to: &Path) -> Result<BackupDone, OpenError> {
    let _lock = opening::lock(data)?;
    let tables = opening::tables(data, &Arc::default())?;
    backup::write(&tables, to)
}
