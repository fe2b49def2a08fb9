//! Backup, restore, the lock, and a journal that ends in a torn batch.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::Path;
use std::sync::Arc;

use wickr_base::{Clock, ManualClock, SeededRng, Seq, UnixMillis};
use wickr_store::queue::conformance::{Deaf, Driver, Engine, World};
use wickr_store::queue::{Operation, Outcome, QueueStore, RoomMeta, Sink};
use wickr_store_log::{LogStore, OpenError, Settings, backup_closed, restore};

struct At<'a>(&'a Path);

impl Engine for At<'_> {
    fn open(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Box<dyn QueueStore<u64>> {
        Box::new(open(self.0, clock, sink).unwrap())
    }
}

fn open(data: &Path, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Result<LogStore<u64>, OpenError> {
    LogStore::open(&Settings { data: data.to_owned() }, clock, &SeededRng::new(1), sink)
}

fn driver(data: &Path) -> Driver {
    Driver::new(Box::new(InDirectory(data.to_owned())))
}

struct InDirectory(std::path::PathBuf);

impl Engine for InDirectory {
    fn open(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Box<dyn QueueStore<u64>> {
        At(&self.0).open(clock, sink)
    }
}

fn room(driver: &Driver, world: &World) -> RoomMeta {
    driver.read(driver.store().room(&world.rooms[0])).unwrap().meta
}

/// A room of one with `messages` messages.
fn fill(driver: &mut Driver, world: &World, messages: u8) -> RoomMeta {
    driver.sequenced(world.create(0, 0));
    let meta = room(driver, world);
    for id in 0..messages {
        driver.sequenced(world.message(&meta, 0, id, None));
    }
    meta
}

#[test]
fn a_backup_of_a_running_store_restores_to_what_it_was_in_a_new_incarnation() {
    let (data, copies, target) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::new();
    let mut driver = driver(data.path());
    let meta = fill(&mut driver, &world, 5);
    driver.ask(world.publish(0, "ab", true, UnixMillis(i64::MAX)));
    let done = driver.read(driver.store().backup(copies.path().to_owned()));
    assert_eq!(done.bytes, std::fs::metadata(&done.file).unwrap().len());
    driver.sequenced(world.message(&meta, 0, 99, None));

    let restored = restore(copies.path(), target.path(), &SeededRng::new(2), driver.clock()).unwrap();
    assert!(restored.in_place);
    let mut again = self::driver(target.path());
    assert_eq!(again.store().incarnation(), restored.incarnation);
    assert_ne!(again.store().incarnation(), driver.store().incarnation());
    assert_eq!(room(&again, &world).head, Seq(6));
    let log = again.read(again.store().log(meta.number, Seq(0), Seq(u64::MAX), usize::MAX));
    assert_eq!(log, driver.read(driver.store().log(meta.number, Seq(0), Seq(6), usize::MAX)));
    let pool = again.read(again.store().pool(world.device(0)));
    assert_eq!((pool.one_time, pool.last_resort), (0, true), "a one-time package is never given twice");
    let Outcome::Pool(pool) = again.ask(world.publish(0, "c", false, UnixMillis(i64::MAX))) else {
        unreachable!()
    };
    assert_eq!(pool.one_time, 1);
}

#[test]
fn a_restore_beside_a_running_store_takes_its_place_at_the_next_start() {
    let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::new();
    let mut driver = driver(data.path());
    let meta = fill(&mut driver, &world, 3);
    driver.read(driver.store().backup(copies.path().to_owned()));
    driver.sequenced(world.message(&meta, 0, 99, None));
    let restored = restore(copies.path(), data.path(), &SeededRng::new(2), driver.clock()).unwrap();
    assert!(!restored.in_place);
    assert_eq!(room(&driver, &world).head, Seq(5));
    driver.reopen();
    assert_eq!(room(&driver, &world).head, Seq(4));
    assert_eq!(driver.store().incarnation(), restored.incarnation);
    driver.reopen();
    assert_eq!(driver.store().incarnation(), restored.incarnation);
}

#[test]
fn a_damaged_backup_is_refused_and_the_store_left_alone() {
    let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::new();
    let mut driver = driver(data.path());
    fill(&mut driver, &world, 3);
    let done = driver.read(driver.store().backup(copies.path().to_owned()));
    let whole = std::fs::read(&done.file).unwrap();
    for damage in [whole.len() / 2, whole.len() - 1, 9] {
        let mut damaged = whole.clone();
        damaged[damage] ^= 1;
        std::fs::write(&done.file, damaged).unwrap();
        restore(copies.path(), data.path(), &SeededRng::new(2), driver.clock()).unwrap_err();
    }
    std::fs::write(&done.file, &whole[..whole.len() - 40]).unwrap();
    restore(copies.path(), data.path(), &SeededRng::new(2), driver.clock()).unwrap_err();
    driver.reopen();
    assert_eq!(room(&driver, &world).head, Seq(4));
}

#[test]
fn one_process_at_a_time_has_the_store() {
    let data = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixMillis(5)));
    let first = open(data.path(), Arc::clone(&clock), Box::new(Deaf)).unwrap();
    let second = open(data.path(), Arc::clone(&clock), Box::new(Deaf));
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    assert!(matches!(backup_closed(data.path(), data.path()), Err(OpenError::Locked { .. })));
    drop(first);
    open(data.path(), clock, Box::new(Deaf)).unwrap();
}

#[test]
fn a_torn_last_batch_is_cut_off_and_everything_before_it_is_there() {
    let data = tempfile::tempdir().unwrap();
    let world = World::new();
    let mut driver = driver(data.path());
    let meta = fill(&mut driver, &world, 4);
    drop(driver);
    let journal = data.path().join("queue/0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    let last = b"message 3 of 0";
    let at = bytes.windows(last.len()).rposition(|window| window == last).unwrap();
    bytes[at..at + last.len()].fill(0);
    std::fs::write(&journal, bytes).unwrap();
    let mut driver = self::driver(data.path());
    assert_eq!(room(&driver, &world).head, Seq(4));
    assert_eq!(driver.sequenced(world.message(&meta, 0, 3, None)).place.seq, Seq(5));
}

#[test]
fn operations_handed_in_before_the_end_are_completed() {
    let data = tempfile::tempdir().unwrap();
    let world = World::new();
    let mut driver = driver(data.path());
    let meta = fill(&mut driver, &world, 1);
    for id in 10..60 {
        driver.store().submit(world.message(&meta, 0, id, None), u64::from(id)).unwrap();
    }
    driver.store().submit(Operation::Canary, 0).unwrap();
    drop(driver);
    let driver = self::driver(data.path());
    assert_eq!(room(&driver, &world).head, Seq(52));
}
