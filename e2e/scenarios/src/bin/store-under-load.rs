//! The embedded queue store in a process that can be killed: appends and says what was acknowledged, or lists what is there.
//! `store-under-load write DIR ROUND` runs until it is killed; `store-under-load list DIR` ends. Lines: `ROOM SEQ MESSAGE`.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use wickr_base::{
    DeviceId, Generation, MemberUri, MessageId, Rng, RoomId, SeededRng, Seq, SystemClock, SystemRng, UserId,
};
use wickr_store::queue::{
    Append, At, BatchReport, Completed, EntryKind, Handshake, Next, Operation, Outcome, QueueStore,
    RoomNumber, Sink,
};
use wickr_store_log::{LogStore, Settings};

const ROOMS: u64 = 8;
const IN_FLIGHT: usize = 64;

/// Answers go to the main thread, which prints them and sends the next.
struct Tell(Sender<(Operation, Outcome)>);

impl Sink<()> for Tell {
    fn completed(&mut self, batch: &mut Vec<Completed<()>>, _: BatchReport) {
        for done in batch.drain(..) {
            if let Ok(outcome) = done.outcome {
                let _ended = self.0.send((done.operation, outcome));
            }
        }
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (what, folder) = (arguments.next().context("what to do")?, arguments.next().context("which folder")?);
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting the runtime")?;
    let (tell, told) = channel();
    let settings = Settings { data: PathBuf::from(folder) };
    let store = LogStore::open(&settings, Arc::new(SystemClock::new()), &SystemRng, Box::new(Tell(tell)))
        .context("opening the store")?;
    match what.as_str() {
        "list" => runtime.block_on(list(&store)),
        "write" => {
            let round: u64 =
                arguments.next().context("which round")?.parse().context("the round is a number")?;
            let rooms = runtime.block_on(rooms(&store, &told))?;
            write(&store, &rooms, round, &told)
        }
        other => bail!("\"{other}\": write or list"),
    }
}

fn room(number: u64) -> Result<(RoomId, UserId, DeviceId)> {
    let rng = SeededRng::new(number);
    let hub = "hq.example".parse().context("the hub's name")?;
    Ok((RoomId::random(hub, &rng), UserId::random(&rng), DeviceId::random(&rng)))
}

/// The rooms of this test, made where they are missing.
async fn rooms(
    store: &LogStore<()>,
    told: &std::sync::mpsc::Receiver<(Operation, Outcome)>,
) -> Result<Vec<(RoomNumber, DeviceId)>> {
    let mut found = Vec::new();
    for number in 0..ROOMS {
        let (id, user, device) = room(number)?;
        if store.room(&id).await.context("looking for a room")?.is_none() {
            let creator = MemberUri::Device { domain: id.hub().clone(), user, device };
            let begin = Handshake {
                room: id.clone(),
                at: At::New { owner: user },
                next: Next { generation: Generation(0), epoch: 0, removed_leaf: false },
                sender: Some(device),
                id: MessageId::random(&SeededRng::new(1_000 + number)),
                kind: EntryKind::GenerationStarted,
                body: Bytes::from_static(b"begin"),
                state: Bytes::from_static(b"state"),
                joined: vec![creator],
                left: Vec::new(),
                welcome: None,
            };
            if store.submit(Operation::Handshake(Box::new(begin)), ()).is_err() {
                bail!("the store takes no room");
            }
            told.recv().context("waiting for a room")?;
        }
        let room = store.room(&id).await.context("looking for the room")?.context("the room isn't there")?;
        found.push((room.meta.number, device));
    }
    Ok(found)
}

fn write(
    store: &LogStore<()>,
    rooms: &[(RoomNumber, DeviceId)],
    round: u64,
    told: &std::sync::mpsc::Receiver<(Operation, Outcome)>,
) -> Result<()> {
    let rng: &dyn Rng = &SeededRng::new(1_000_000 + round);
    let body = Bytes::from(vec![0x5a; 1024]);
    let mut next = rooms.iter().cycle();
    let mut output = std::io::stdout().lock();
    let mut submit = || {
        let (room, sender) = *next.next().context("there is no room")?;
        let append = Append {
            room,
            generation: Generation(0),
            epoch: 0,
            sender,
            id: MessageId::random(rng),
            expires_at: None,
            body: body.clone(),
        };
        store
            .submit(Operation::Append(append), ())
            .map_err(|_| anyhow::anyhow!("the store takes nothing more"))
    };
    for _ in 0..IN_FLIGHT {
        submit()?;
    }
    loop {
        let (operation, outcome) = told.recv().context("waiting for an answer")?;
        let (Operation::Append(append), Outcome::Sequenced(done)) = (operation, outcome) else { continue };
        writeln!(output, "{} {} {}", append.room.0, done.place.seq, append.id)
            .context("saying what was acknowledged")?;
        submit()?;
    }
}

async fn list(store: &LogStore<()>) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for number in 0..ROOMS {
        let Some(room) = store.room(&room(number)?.0).await.context("looking for a room")? else { continue };
        let meta = room.meta;
        let mut after = Seq(0);
        while after < meta.head {
            let entries =
                store.log(meta.number, after, meta.head, 1 << 20).await.context("reading a room")?;
            let Some(last) = entries.last() else {
                bail!("room {} ends at {after}, not at {}", meta.number.0, meta.head)
            };
            after = last.place.seq;
            for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Application) {
                writeln!(output, "{} {} {}", meta.number.0, entry.place.seq, entry.id).context("listing")?;
            }
        }
    }
    Ok(())
}
