//! The engine as the port sees it. What the writer does: `writer.rs`; reads: `reader.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use wickr_base::{Clock, DeviceId, Generation, Incarnation, MessageId, Rng, RoomId, Seq, UnixMillis};
use wickr_store::queue::{
    BackupDone, Disk, Entry, Followed, InboxItem, Membership, Now, Operation, PendingRestore, Place,
    PoolCount, QueueStore, Rejected, Room, RoomNumber, Sink, StoreError, StoreTime, Trim, Usage,
};

use crate::error::{OpenError, file};
use crate::opening::{self, DirectoryLock};
use crate::tables::Tables;
use crate::writer::{Queue, Writer};
use crate::{adopting, backup, reader, space, trimmable, undelivered};

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
    time: Mutex<StoreTime>,
    /// The settled time, for the filters that forget.
    pub(crate) settled: Arc<AtomicI64>,
    /// `None` while the writer could not open it again after a failure. Who reads holds the lock, so that the writer
    /// can wait for the last reader, and new ones wait for it.
    pub(crate) tables: RwLock<Option<Arc<Tables>>>,
    /// Somebody waits for the readers: what takes long must break off.
    pub(crate) closing: AtomicBool,
    /// Held by the backup that is being written.
    backup: Mutex<()>,
}

impl Shared {
    /// The store's time, which only ever rises.
    pub(crate) fn now(&self) -> Now {
        let now = self.time.lock().read(&*self.clock);
        if let Some(settled) = now.settled {
            self.settled.store(settled.0, Ordering::Relaxed);
        }
        now
    }

    /// For the writer, which alone closes them; everybody else reads under the lock.
    pub(crate) fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        self.tables.read().clone().ok_or(StoreError::Closed)
    }

    /// One backup at a time: two would only take the space that each has found free.
    fn backup(&self, tables: &Tables, directory: &Path) -> Result<BackupDone, OpenError> {
        let under_way = || OpenError::UnderWay { attempted: "a backup", path: self.data.clone() };
        let _alone = self.backup.try_lock().ok_or_else(under_way)?;
        backup::write(tables, directory, &self.closing)
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
        if adopting::adopt_restored(&data, clock.now())? {
            tracing::info!("a restored store has taken the place of the one before");
        }
        if let Err(error) = adopting::tidy(&data, clock.now()).and_then(|()| drop_unfinished(&data)) {
            tracing::warn!(%error, "what interrupted copies left could not be removed");
        }
        let settled = Arc::new(AtomicI64::new(i64::MIN));
        let tables = opening::tables(&data, &settled)?;
        let incarnation = opening::incarnation(&tables, rng)?;
        adopting::write_life(&data, incarnation)?;
        let time = Mutex::new(StoreTime::begin(opening::given(&tables)?, &*clock));
        let shared = Arc::new(Shared {
            data,
            clock,
            incarnation,
            time,
            settled,
            tables: RwLock::new(Some(Arc::new(tables))),
            closing: AtomicBool::new(false),
            backup: Mutex::new(()),
        });
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
        let reading = tokio::task::spawn_blocking(move || {
            let tables = shared.tables.read();
            read(tables.as_ref().ok_or(StoreError::Closed)?, shared.now().time)
        });
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
        self.shared.closing.store(true, Ordering::Relaxed);
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
        self.shared.now().time
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
        self.reading(move |tables, now| reader::pool(tables, now, device)).await
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

    async fn trimmable(&self, at_most: usize) -> Result<Vec<Trim>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.reading(move |tables, _| trimmable::trimmable(tables, shared.now(), at_most, &shared.closing))
            .await
    }

    async fn canary(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.reading(|tables, _| reader::canary(tables)).await
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        self.reading(|tables, _| Ok(reader::usage(tables))).await
    }

    async fn oldest_undelivered(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.reading(undelivered::oldest).await
    }

    async fn disk(&self) -> Result<Disk, StoreError> {
        self.shared.disk()
    }

    async fn backup(&self, directory: PathBuf) -> Result<BackupDone, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.reading(move |tables, _| shared.backup(tables, &directory).map_err(failed)).await
    }

    async fn pending_restore(&self) -> Result<Option<PendingRestore>, StoreError> {
        adopting::pending(&self.shared.data).map_err(|error| StoreError::Failed {
            attempted: "looking for a restored store",
            cause: error.to_string(),
        })
    }
}

fn failed(error: OpenError) -> StoreError {
    match error {
        OpenError::Store(error) => error,
        error => StoreError::Failed { attempted: "writing the backup", cause: error.to_string() },
    }
}

/// Removes what killed backups left in the data directory and in the folders in it, where they usually are.
fn drop_unfinished(data: &Path) -> Result<(), OpenError> {
    backup::drop_unfinished(data)?;
    for found in file("listing", data, std::fs::read_dir(data))? {
        let path = file("listing", data, found)?.path();
        if path.is_dir()
            && let Err(error) = backup::drop_unfinished(&path)
        {
            // Not every folder on a volume is ours.
            tracing::debug!(%error, "a folder was not looked into for unfinished backups");
        }
    }
    Ok(())
}

/// Writes a backup of a store that no process has open.
pub fn backup_closed(data: &Path, to: &Path) -> Result<BackupDone, OpenError> {
    let _lock = opening::lock(data)?;
    let tables = opening::tables(data, &Arc::default())?;
    backup::write(&tables, to, &AtomicBool::new(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{self, Meta};
    use fjall::PersistMode;
    use wickr_base::{ManualClock, SeededRng};
    use wickr_store::queue::conformance::Deaf;

    fn open(data: &Path) -> Result<LogStore<()>, OpenError> {
        let settings = Settings { data: data.to_owned() };
        let clock = Arc::new(ManualClock::at(UnixMillis(5)));
        LogStore::open(&settings, clock, &SeededRng::new(1), Box::new(Deaf))
    }

    fn read<R>(reading: impl Future<Output = R>) -> R {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(reading)
    }

    #[test]
    fn a_store_of_a_newer_format_is_refused_and_so_is_its_backup() {
        let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(data.path()).unwrap();
        {
            let tables = store.shared.tables().unwrap();
            let mut batch = tables.db.batch().durability(Some(PersistMode::SyncAll));
            batch.insert(&tables.records, keys::meta(Meta::Format), 2_u32.to_be_bytes());
            batch.commit().unwrap();
        }
        read(store.backup(copies.path().to_owned())).unwrap();
        drop(store);
        let error = open(data.path()).unwrap_err();
        assert!(matches!(error, OpenError::Newer { what: "store", found: 2, known: 1, .. }), "{error}");
        let clock = ManualClock::at(UnixMillis(5));
        let error = crate::restore(copies.path(), data.path(), &SeededRng::new(1), &clock).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 2, .. }), "{error}");
    }

    #[test]
    fn a_store_without_a_format_is_of_the_first() {
        let data = tempfile::tempdir().unwrap();
        let store = open(data.path()).unwrap();
        let incarnation = store.incarnation();
        {
            let tables = store.shared.tables().unwrap();
            let mut batch = tables.db.batch().durability(Some(PersistMode::SyncAll));
            batch.remove(&tables.records, keys::meta(Meta::Format));
            batch.commit().unwrap();
        }
        drop(store);
        let store = open(data.path()).unwrap();
        assert_eq!(store.incarnation(), incarnation);
        let written = store.shared.tables().unwrap().record(&keys::meta(Meta::Format)).unwrap();
        assert_eq!(written.as_deref(), Some([0, 0, 0, 1].as_slice()));
    }

    #[test]
    fn a_second_backup_waits_for_nobody_and_is_told_so() {
        let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(data.path()).unwrap();
        let first = store.shared.backup.lock();
        let refused = read(store.backup(copies.path().to_owned())).unwrap_err().to_string();
        assert!(refused.contains("under way already"), "{refused}");
        drop(first);
        read(store.backup(copies.path().to_owned())).unwrap();
    }

    #[test]
    fn a_backup_breaks_off_when_the_store_is_to_be_closed() {
        let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(data.path()).unwrap();
        store.shared.closing.store(true, Ordering::Relaxed);
        read(store.backup(copies.path().to_owned())).unwrap_err();
        assert_eq!(std::fs::read_dir(copies.path()).unwrap().count(), 0, "nothing unfinished stays");
    }
}
