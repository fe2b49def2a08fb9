//! A volume with no space left: writes are refused, nothing breaks, and with space again the store goes on.
//!
//! The test runs itself once more in a mount namespace of its own, on a tmpfs of 96 MiB.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use wickr_base::{ManualClock, MessageId, SeededRng, Seq, UnixMillis};
use wickr_store::queue::conformance::World;
use wickr_store::queue::{
    Append, BatchReport, Completed, Operation, Outcome, QueueStore, RoomMeta, Sink, StoreError,
};
use wickr_store_log::{LogStore, Settings};

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
    sent: u32,
}

impl Volume {
    fn open(path: PathBuf) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_700_000_000_000)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, answers) = channel();
        let mut volume = Self { path, clock, store: None, answers, runtime, world: World::new(), sent: 0 };
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
        self.answers.recv_timeout(Duration::from_mins(1)).unwrap()
    }

    /// A message of that size; gives its seq when it was acknowledged.
    fn send(&mut self, room: &RoomMeta, size: usize) -> Result<Seq, StoreError> {
        self.sent += 1;
        let mut id = [0; 16];
        id[..4].copy_from_slice(&self.sent.to_be_bytes());
        let append = Append {
            room: room.number,
            generation: room.generation,
            epoch: room.epoch,
            sender: self.world.device(0),
            id: MessageId(id),
            expires_at: None,
            body: Bytes::from(vec![7; size]),
        };
        match self.ask(Operation::Append(append))? {
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
        assert_eq!(volume.ask(hold), Ok(Outcome::Done));
        volume.reopen();
        assert_eq!(volume.messages(&room), acknowledged);
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
