//! Keys are replaced under load: every message is acknowledged, given once and in order, none is refused on the way, and
//! no connection ends (what else becomes of devices then: rotation.rs). `WICKR_RATE` is how many messages a second.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use wickr_base::RoomId;
use wickr_in_process::{Phone, World, until};
use wickr_load::ledger::{Line, compare};
use wickr_load::{Connected, Load, Pace, Reading, Writer};

/// Enough to share the load, for each of them waits for the disk of its own device.
const ROOMS: usize = 6;
/// A debug build on a busy machine; acknowledgements hold it back where that is too much.
const USUAL: u32 = 100;
const LAST: &str = "that was all";

/// Two people in a room of theirs: one writes, the other reads.
struct Pair {
    writer: Phone,
    reader: Phone,
    room: RoomId,
    reading: Reading,
    connected: [Connected; 2],
}

impl Pair {
    async fn meet(world: &World, number: usize) -> Self {
        let writer = world.sign_in(&format!("writer-{number}"), "1").await;
        let reader = world.sign_in(&format!("reader-{number}"), "1").await;
        let room = writer.client().create_room("ops").await.unwrap();
        writer.client().invite(&room, &reader.handle()).await.unwrap();
        until(reader.client(), "the invitation", |client| client.room(&room).unwrap().is_some()).await;
        let reading = Reading::start(reader.client(), &room, 0);
        let connected = [&writer, &reader].map(|phone| Connected::start(phone.client()));
        Self { writer, reader, room, reading, connected }
    }

    /// Compares; gives how many messages it was.
    async fn lost_nothing(self, acknowledged: &[Line]) -> usize {
        let uri = self.writer.client().account().uri();
        let mine: Vec<Line> = acknowledged.iter().filter(|line| line.sender == uri).cloned().collect();
        self.writer.says_durably(&self.room, LAST).await;
        let given = self.reading.until(LAST, mine.len()).await.unwrap();
        compare(&mine, &given).unwrap();
        for phone in [&self.writer, &self.reader] {
            let status = phone.client().status().unwrap();
            assert!(status.notices.is_empty() && status.unsent.is_empty(), "{status:#?}");
        }
        for connected in self.connected {
            connected.until_now().await.unwrap();
        }
        mine.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_under_load_without_a_lost_or_refused_message() {
    let mut world = World::start().await;
    let mut pairs = Vec::new();
    for number in 0..ROOMS {
        pairs.push(Pair::meet(&world, number).await);
    }
    let refused = world.refusals().await;
    let pace = Pace::asked(USUAL);
    let load = Load::start(
        pairs.iter().enumerate().map(|(number, pair)| Writer {
            name: format!("writer-{number}"),
            client: pair.writer.client().clone(),
            room: pair.room.clone(),
        }),
        pace,
    );
    load.goes_on(50).await.unwrap();
    world.replace_document_key();
    world.publish(2).await;
    load.goes_on(50).await.unwrap();
    let next = world.announce_workload_issuer(3).await;
    load.goes_on(50).await.unwrap();
    world.move_to_workload_issuer(next).await;
    load.goes_on(50).await.unwrap();
    world.retire_workload_issuer(4).await;
    for pair in &pairs {
        until(pair.reader.client(), "the last document", |client| client.status().unwrap().document == 4)
            .await;
    }
    load.goes_on(50).await.unwrap();
    let rate = load.rate();
    let acknowledged = load.finish().await.unwrap();
    let mut counted = 0;
    for pair in pairs {
        counted += pair.lost_nothing(&acknowledged).await;
    }
    assert_eq!(counted, acknowledged.len());
    assert_eq!(world.refusals().await, refused, "refused on the way");
    println!(
        "{counted} messages, {rate:.0} a second ({pace:?} asked): each given once and in order, 0 refused"
    );
}
