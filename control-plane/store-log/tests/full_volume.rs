//! A volume with no space left: writes are refused, nothing breaks, and with space again the store goes on.
//!
//! The test runs itself once more in a mount namespace of its own, on a tmpfs of 96 MiB.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use wickr_base::{ManualClock, MessageId, SeededRng, Seq, UnixMillis};
use wickr_store::queue::conformance::World;
use wickr_store::queue::{
    Append, BatchReport, Completed, Operation, Outcome, QueueStore, RoomMeta, Sink, StoreError,
};
use wickr_store_log::{LogStore, OpenError, Settings, restore};

const VOLUME: &str = "WICKR_TEST_VOLUME";
const MEBIBYTE: usize = 1 << 20;

struct Forward(Sender<Result<Outcome, StoreError>>);

impl Sink<u64> for Forward {
    fn completed(&mut self, batch: &mut Vec<Completed<u64>>, _: BatchReport) {
        batch.drain(..).for_each(|one| self.0.send(one.outcome).unwrap());
    }
}

struct Volume {
    path: PathBuf,
    clock: Arc<ManualClock>,
    store: Option<LogStore<u64>>,
    answers: Receiver<Result<Outcome, StoreError>>,
    runtime: tokio::runtime::Runtime,
    world: World,
    sent: AtomicU32,
}

impl Volume {
    fn open(path: PathBuf) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_700_000_000_000)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, answers) = channel();
        let mut volume =
            Self { path, clock, store: None, answers, runtime, world: World::new(), sent: AtomicU32::new(1) };
        volume.reopen();
        volume
    }

    fn reopen(&mut self) {
        self.store = None;
        let (send, answers) = channel();
        let settings = Settings { data: self.path.join("data") };
        let clock = Arc::clone(&self.clock);
        let store = LogStore::open(&settings, clock, &SeededRng::new(1), Box::new(Forward(send)));
        (self.store, self.answers) = (Some(store.unwrap()), answers);
    }

    fn ask(&self, operation: Operation) -> Result<Outcome, StoreError> {
        self.store.as_ref().unwrap().submit(operation, 0).unwrap();
        self.answer()
    }

    fn answer(&self) -> Result<Outcome, StoreError> {
        self.answers.recv_timeout(Duration::from_mins(1)).unwrap()
    }

    /// A message of that size.
    fn message(&self, room: &RoomMeta, size: usize) -> Operation {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&self.sent.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Operation::Append(Append {
            room: room.number,
            generation: room.generation,
            epoch: room.epoch,
            sender: self.world.device(0),
            id: MessageId(id),
            expires_at: None,
            body: Bytes::from(vec![7; size]),
        })
    }

    /// The same, sent; gives its seq when it was acknowledged.
    fn send(&mut self, room: &RoomMeta, size: usize) -> Result<Seq, StoreError> {
        match self.ask(self.message(room, size))? {
            Outcome::Sequenced(sequenced) => Ok(sequenced.place.seq),
            other => panic!("{other:?}"),
        }
    }

    fn begin(&self) -> RoomMeta {
        self.ask(self.world.create(0, 0)).unwrap();
        let store = self.store.as_ref().unwrap();
        self.runtime.block_on(store.room(&self.world.rooms[0])).unwrap().unwrap().meta
    }

    fn messages(&self, room: &RoomMeta) -> usize {
        let store = self.store.as_ref().unwrap();
        let log = self.runtime.block_on(store.log(room.number, Seq(1), Seq(u64::MAX), usize::MAX)).unwrap();
        log.len()
    }
}

fn full(result: &Result<Seq, StoreError>) -> bool {
    matches!(result, Err(StoreError::Full { .. }))
}

/// Runs the rest of the test on a volume of its own.
fn on_a_volume(name: &str, test: impl FnOnce(Volume, &Path)) {
    if let Some(volume) = std::env::var_os(VOLUME) {
        let path = PathBuf::from(volume);
        return test(Volume::open(path.clone()), &path);
    }
    let directory = tempfile::tempdir().unwrap();
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs -o size=96m none \"$WICKR_TEST_VOLUME\" && exec \"$@\"";
    let inside = unshare
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VOLUME, directory.path())
        .status()
        .unwrap();
    assert!(inside.success());
}

#[test]
fn a_full_volume_refuses_what_is_new_and_still_takes_what_makes_room() {
    let name = "a_full_volume_refuses_what_is_new_and_still_takes_what_makes_room";
    on_a_volume(name, |mut volume, path| {
        let room = volume.begin();
        let mut acknowledged = 0;
        let refused = loop {
            match volume.send(&room, MEBIBYTE / 4) {
                Ok(_) => acknowledged += 1,
                refused => break refused,
            }
        };
        assert!(full(&refused), "{refused:?}");
        assert!(acknowledged > 60, "most of the volume can be used: {acknowledged} quarters of a MiB");
        let hold = volume.world.hold(&room, 0, 2);
        assert_eq!(volume.ask(hold.clone()), Ok(Outcome::Done));
        assert_eq!(
            volume.ask(volume.world.signs_in(0, 1)),
            Ok(Outcome::Done),
            "who can't come in can't hold"
        );

        let filler = path.join("filler");
        std::fs::write(&filler, vec![1; 96 * MEBIBYTE]).unwrap_err();
        assert!(matches!(volume.ask(hold.clone()), Err(StoreError::Full { .. })));
        assert!(full(&volume.send(&room, 10)));
        std::fs::remove_file(&filler).unwrap();
        // The engine's own threads may have met the end of the volume; then it is opened again first.
        let held = (0..3).any(|_| {
            volume.clock.advance(Duration::from_secs(1));
            volume.ask(hold.clone()) == Ok(Outcome::Done)
        });
        assert!(held);
        volume.reopen();
        assert_eq!(volume.messages(&room), acknowledged);
    });
}

#[test]
fn below_the_reserve_what_makes_room_is_taken_in_with_messages_all_around_it() {
    let name = "below_the_reserve_what_makes_room_is_taken_in_with_messages_all_around_it";
    on_a_volume(name, |mut volume, _| {
        let room = volume.begin();
        while volume.send(&room, MEBIBYTE / 4).is_ok() {}
        let (hold, rounds) = (volume.world.hold(&room, 0, 2), 400);
        let store = volume.store.as_ref().unwrap();
        for _ in 0..rounds {
            for operation in [volume.message(&room, 10), hold.clone(), Operation::Canary] {
                store.submit(operation, 0).unwrap();
            }
        }
        for _ in 0..rounds {
            let [message, held, canary] = std::array::from_fn(|_| volume.answer());
            assert!(matches!(message, Err(StoreError::Full { .. })), "{message:?}");
            assert_eq!(held, Ok(Outcome::Done));
            assert!(matches!(canary, Err(StoreError::Full { .. })), "{canary:?}");
        }
    });
}

#[test]
fn a_store_that_failed_is_opened_again_however_many_read_it() {
    let name = "a_store_that_failed_is_opened_again_however_many_read_it";
    on_a_volume(name, |mut volume, _| {
        let room = volume.begin();
        for _ in 0..40 {
            volume.send(&room, 100_000).unwrap();
        }
        let end = AtomicBool::new(false);
        let store = volume.store.take().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    while !end.load(Ordering::Relaxed) {
                        runtime.block_on(store.log(room.number, Seq(0), Seq(u64::MAX), usize::MAX)).unwrap();
                    }
                });
            }
            store.submit(volume.message(&room, 100 * MEBIBYTE), 0).unwrap();
            let refused = volume.answer();
            volume.clock.advance(Duration::from_secs(1));
            store.submit(volume.message(&room, 100), 0).unwrap();
            let taken = volume.answer();
            end.store(true, Ordering::Relaxed);
            assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
            assert!(matches!(taken, Ok(Outcome::Sequenced(_))), "{taken:?}");
        });
    });
}

#[test]
fn a_backup_that_would_fill_the_volume_is_refused_and_leaves_nothing() {
    let name = "a_backup_that_would_fill_the_volume_is_refused_and_leaves_nothing";
    on_a_volume(name, |mut volume, path| {
        let room = volume.begin();
        while volume.send(&room, MEBIBYTE / 4).is_ok() {}
        let (store, folder) = (volume.store.as_ref().unwrap(), path.join("copies"));
        let refused = volume.runtime.block_on(store.backup(folder.clone())).unwrap_err().to_string();
        assert!(refused.contains("make room on the volume"), "{refused}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
        let done = volume.runtime.block_on(store.backup(elsewhere.path().to_owned())).unwrap();
        let small = path.join("small");
        std::fs::create_dir(&small).unwrap();
        let clock = ManualClock::at(UnixMillis(0));
        assert!(done.bytes > 15 << 20, "{done:?}");
        let restored = restore(elsewhere.path(), &small, &SeededRng::new(2), &clock).unwrap_err();
        assert!(matches!(restored, OpenError::NoSpace { .. }), "{restored}");
        assert!(!small.join("queue.restoring").exists() && !small.join("queue.restored").exists());
    });
}

#[test]
fn a_batch_that_meets_the_end_of_the_volume_does_not_count_and_the_next_one_does() {
    let name = "a_batch_that_meets_the_end_of_the_volume_does_not_count_and_the_next_one_does";
    on_a_volume(name, |mut volume, _| {
        let room = volume.begin();
        volume.send(&room, 100).unwrap();
        for round in 0..3 {
            let refused = volume.send(&room, 100 * MEBIBYTE);
            assert!(full(&refused), "{refused:?}");
            assert!(full(&volume.send(&room, 100)), "it waits a moment before it opens again");
            volume.clock.advance(Duration::from_secs(1));
            assert_eq!(volume.send(&room, 100), Ok(Seq(3 + round)));
        }
        volume.reopen();
        assert_eq!(volume.messages(&room), 4);
    });
}
