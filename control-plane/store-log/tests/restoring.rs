//! What a restore must not do: lose what came since, trust a newer format, look into a damaged store, fill the volume.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wickr_base::{Clock, ManualClock, SeededRng, Seq};
use wickr_store::queue::conformance::{Deaf, Driver, Engine, World};
use wickr_store::queue::{PendingRestore, QueueStore, RoomMeta, Sink};
use wickr_store_log::{BACKUP, LogStore, OpenError, Settings, restore};

const MINUTE: Duration = Duration::from_mins(1);

struct InDirectory(PathBuf);

impl Engine for InDirectory {
    fn open(&self, clock: Arc<dyn Clock>, sink: Box<dyn Sink<u64>>) -> Box<dyn QueueStore<u64>> {
        let settings = Settings { data: self.0.clone() };
        Box::new(LogStore::open(&settings, clock, &SeededRng::new(1), sink).unwrap())
    }
}

/// A store with a room, a backup of it, and one message since.
struct Scene {
    data: tempfile::TempDir,
    copies: tempfile::TempDir,
    world: World,
    driver: Driver,
    meta: RoomMeta,
}

impl Scene {
    fn new() -> Self {
        let (data, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let world = World::new();
        let mut driver = Driver::new(Box::new(InDirectory(data.path().to_owned())));
        driver.sequenced(world.create(0, 0));
        let meta = driver.read(driver.store().room(&world.rooms[0])).unwrap().meta;
        driver.sequenced(world.message(&meta, 0, 1, None));
        driver.read(driver.store().backup(copies.path().to_owned()));
        driver.sequenced(world.message(&meta, 0, 2, None));
        Self { data, copies, world, driver, meta }
    }

    fn restore(&self) -> Result<bool, OpenError> {
        let rng = SeededRng::new(2);
        let restored = restore(self.copies.path(), self.data.path(), &rng, self.driver.clock());
        restored.map(|restored| restored.in_place)
    }

    fn head(&self) -> Seq {
        self.driver.read(self.driver.store().room(&self.world.rooms[0])).unwrap().meta.head
    }

    fn pending(&self) -> Option<PendingRestore> {
        self.driver.read(self.driver.store().pending_restore())
    }
}

fn open(data: &Path, clock: &Arc<dyn Clock>) -> Result<Driver, OpenError> {
    // The driver wants an engine that opens; whether it does is asked first.
    let settings = Settings { data: data.to_owned() };
    LogStore::<u64>::open(&settings, Arc::clone(clock), &SeededRng::new(1), Box::new(Deaf))?;
    Ok(Driver::new(Box::new(InDirectory(data.to_owned()))))
}

#[test]
fn a_restore_waits_a_quarter_of_an_hour_for_its_start_and_not_longer() {
    let mut scene = Scene::new();
    assert_eq!(scene.pending(), None);
    assert!(!scene.restore().unwrap());
    let made_at = scene.driver.clock().now();
    let until = made_at.plus(MINUTE * 15);
    assert_eq!(scene.pending(), Some(PendingRestore { made_at, until }));
    scene.driver.clock().advance(MINUTE * 16);
    scene.driver.reopen();
    assert_eq!(scene.head(), Seq(3), "what came since is still there");
    assert_eq!(scene.pending(), None);
    assert!(scene.data.path().join("queue.restored.late").exists(), "it is set aside");
    assert!(!scene.restore().unwrap());
    scene.driver.clock().advance(MINUTE * 15);
    scene.driver.reopen();
    assert_eq!(scene.head(), Seq(2));
}

#[test]
fn a_restore_replaces_only_the_store_that_it_was_made_against() {
    let mut scene = Scene::new();
    assert!(!scene.restore().unwrap());
    let life = scene.data.path().join("queue.life");
    std::fs::write(&life, [9; 16]).unwrap();
    scene.driver.reopen();
    assert_eq!(scene.head(), Seq(3));
}

#[test]
fn a_start_that_was_killed_between_the_two_moves_of_an_adoption_finishes_it_however_late() {
    let scene = Scene::new();
    scene.restore().unwrap();
    let data = scene.data.path().to_owned();
    scene.driver.clock().advance(MINUTE * 60);
    let (from, to) = (data.join("queue"), data.join("queue.replaced"));
    let Scene { driver, world, data: _data, copies: _copies, .. } = scene;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(driver.clock().now()));
    drop(driver);
    std::fs::rename(from, to).unwrap();
    let driver = open(&data, &clock).unwrap();
    assert_eq!(driver.read(driver.store().room(&world.rooms[0])).unwrap().meta.head, Seq(2));
}

#[test]
fn what_was_replaced_is_kept_for_a_week() {
    let mut scene = Scene::new();
    scene.restore().unwrap();
    scene.driver.reopen();
    let replaced = scene.data.path().join("queue.replaced");
    for (hours, kept) in [(7 * 24, true), (1, false)] {
        scene.driver.clock().advance(Duration::from_hours(hours));
        scene.driver.reopen();
        assert_eq!(replaced.exists(), kept);
    }
}

#[test]
fn a_damaged_store_is_restored_without_being_opened() {
    let mut scene = Scene::new();
    for id in 10..20 {
        scene.driver.sequenced(scene.world.message(&scene.meta, 0, id, None));
    }
    let Scene { data, copies, world, driver, .. } = scene;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(driver.clock().now()));
    drop(driver);
    let journal = data.path().join("queue/0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.windows(14).position(|window| window == b"message 1 of 0").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    assert!(matches!(open(data.path(), &clock), Err(OpenError::Damaged { .. })));
    let restored = restore(copies.path(), data.path(), &SeededRng::new(2), &*clock).unwrap();
    assert!(restored.in_place);
    let driver = open(data.path(), &clock).unwrap();
    assert_eq!(driver.read(driver.store().room(&world.rooms[0])).unwrap().meta.head, Seq(2));
}

#[test]
fn a_restore_begins_time_anew_with_the_clock() {
    let mut scene = Scene::new();
    let right = scene.driver.clock().now();
    scene.driver.clock().advance(Duration::from_hours(24 * 365));
    scene.driver.sequenced(scene.world.message(&scene.meta, 0, 3, None));
    scene.driver.read(scene.driver.store().backup(scene.copies.path().to_owned()));
    scene.driver.clock().set(right);
    scene.driver.reopen();
    assert!(scene.driver.store().now() > right, "what a wrong clock left behind");
    scene.restore().unwrap();
    scene.driver.reopen();
    assert_eq!(scene.driver.store().now(), right);
}

#[test]
fn a_newer_backup_is_refused_by_its_format() {
    let scene = Scene::new();
    let path = scene.copies.path().join(BACKUP);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[7] = b'2';
    std::fs::write(&path, bytes).unwrap();
    let error = scene.restore().unwrap_err();
    assert!(matches!(error, OpenError::Newer { what: "backup", found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("run that version"), "{error}");
}

#[test]
fn what_a_killed_backup_left_goes_and_what_is_being_written_stays() {
    let mut scene = Scene::new();
    let folder = scene.data.path().join("backup");
    std::fs::create_dir(&folder).unwrap();
    let [left, old, live] =
        ["0.partial", "partial", "7.partial"].map(|end| folder.join(format!("{BACKUP}.{end}")));
    for path in [&left, &old, &live] {
        std::fs::write(path, b"WICKRQB1").unwrap();
    }
    let writing = std::fs::File::open(&live).unwrap();
    writing.lock().unwrap();
    scene.driver.reopen();
    assert_eq!([&left, &old, &live].map(|path| path.exists()), [false, false, true]);
    std::fs::write(&left, b"WICKRQB1").unwrap();
    scene.driver.read(scene.driver.store().backup(folder.clone()));
    assert_eq!([&left, &live].map(|path| path.exists()), [false, true]);
    assert!(folder.join(BACKUP).exists());
}

#[test]
fn an_interrupted_restore_leaves_nothing_once_the_store_has_started() {
    let mut scene = Scene::new();
    let building = scene.data.path().join("queue.restoring");
    std::fs::create_dir(&building).unwrap();
    std::fs::write(building.join("0.jnl"), b"half").unwrap();
    scene.driver.reopen();
    assert!(!building.exists());
}

#[test]
fn of_two_restores_at_once_one_is_refused() {
    let scene = Scene::new();
    let lock = std::fs::File::create(scene.data.path().join("queue.restore.lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(scene.restore(), Err(OpenError::UnderWay { .. })));
    drop(lock);
    scene.restore().unwrap();
}
