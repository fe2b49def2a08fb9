//! Keys are replaced while people talk: nobody loses a message or a connection, and who was away finds back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use wickr_base::RoomId;
use wickr_in_process::{Phone, World, arrives, until};
use wickr_sdk::Connection;

/// Somebody who goes on talking, and is never without a connection.
struct Talk {
    who: Arc<Phone>,
    room: RoomId,
    over: Arc<AtomicBool>,
    talking: JoinHandle<Vec<String>>,
}

impl Talk {
    fn begin(who: &Arc<Phone>, room: &RoomId) -> Self {
        let (over, who, room) = (Arc::new(AtomicBool::new(false)), Arc::clone(who), room.clone());
        let talking = tokio::spawn({
            let (over, who, room) = (Arc::clone(&over), Arc::clone(&who), room.clone());
            async move {
                let mut said = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let text = format!("word {}", said.len());
                    who.says(&room, &text);
                    assert_eq!(who.client().connection(), Connection::Online, "at {text}");
                    said.push(text);
                    // A pace, not a wait: some hundred words a second would do as well.
                    sleep(Duration::from_millis(20)).await;
                }
                said
            }
        });
        Self { who, room, over, talking }
    }

    /// Each word came once, in order.
    #[expect(clippy::unwrap_used, reason = "a talk that failed fails the test")]
    async fn end_heard_by(self, listener: &Phone) {
        self.over.store(true, Ordering::Relaxed);
        let said = self.talking.await.unwrap();
        assert!(said.len() > 100, "{}", said.len());
        self.who.says_durably(&self.room, "the last word").await;
        arrives(listener.client(), &self.room, "the last word").await;
        let heard = listener.texts(&self.room);
        let words: Vec<&String> = heard.iter().filter(|text| text.starts_with("word ")).collect();
        assert_eq!(words, said.iter().collect::<Vec<_>>(), "each word once, in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workload_issuer_and_the_document_key_are_replaced_while_people_talk() {
    let mut world = World::start().await;
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let mut away = world.sign_in("carol", "1").await;
    let room = alice.client().create_room("ops").await.unwrap();
    for phone in [&bob, &away] {
        alice.client().invite(&room, &phone.handle()).await.unwrap();
    }
    alice.says_durably(&room, "hello").await;
    arrives(bob.client(), &room, "hello").await;
    arrives(away.client(), &room, "hello").await;
    away.close().await;
    let alice = Arc::new(alice);
    let talking = Talk::begin(&alice, &room);
    world.replace_document_key();
    world.publish(2).await;
    let next = world.announce_workload_issuer(3).await;
    for phone in [&*alice, &bob] {
        until(phone.client(), "both issuers", |client| client.status().unwrap().document == 3).await;
    }
    world.sign_in("dave", "announced").await;
    world.move_to_workload_issuer(next).await;
    world.sign_in("dave", "moved").await;
    world.retire_workload_issuer(4).await;
    world.sign_in("dave", "retired").await;
    talking.end_heard_by(&bob).await;
    assert_eq!(bob.client().connection(), Connection::Online);
    // The one who was away trusts an issuer that is gone; the pin is enough.
    away.open().await;
    away.online().await;
    arrives(away.client(), &room, "the last word").await;
    assert_eq!(away.client().status().unwrap().document, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_issuer_is_replaced_while_people_talk_and_the_hub_stays_in_their_room() {
    let mut world = World::start().await;
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let mut away = world.sign_in("carol", "1").await;
    let room = alice.client().create_room("ops").await.unwrap();
    for phone in [&bob, &away] {
        alice.client().invite(&room, &phone.handle()).await.unwrap();
    }
    alice.says_durably(&room, "hello").await;
    arrives(bob.client(), &room, "hello").await;
    arrives(away.client(), &room, "hello").await;
    away.close().await;
    let alice = Arc::new(alice);
    let talking = Talk::begin(&alice, &room);
    let next = world.announce_device_issuer(2).await;
    for phone in [&*alice, &bob] {
        until(phone.client(), "both issuers", |client| client.status().unwrap().document == 2).await;
    }
    world.move_to_device_issuer(next).await;
    // Devices of both issuers in one room; who was away takes in what one of the new one has brought about.
    let dave = world.sign_in("dave", "1").await;
    alice.client().invite(&room, &dave.handle()).await.unwrap();
    alice.says_durably(&room, "welcome").await;
    arrives(dave.client(), &room, "welcome").await;
    dave.says_durably(&room, "certified by the next one").await;
    for phone in [&*alice, &bob] {
        arrives(phone.client(), &room, "certified by the next one").await;
    }
    away.open().await;
    away.online().await;
    arrives(away.client(), &room, "certified by the next one").await;
    away.close().await;
    // Sooner than it would be: devices show certificates of the one before still.
    let until_then = |phone: &Phone| phone.client().status().unwrap().certificate_until;
    let before = [until_then(&alice), until_then(&bob)];
    world.retire_device_issuer(3).await;
    for (phone, before) in [&*alice, &bob].into_iter().zip(before) {
        until(phone.client(), "another certificate", |client| {
            client.status().unwrap().certificate_until > before
        })
        .await;
    }
    away.open().await;
    away.online().await;
    away.says_durably(&room, "back with another certificate").await;
    arrives(bob.client(), &room, "back with another certificate").await;
    talking.end_heard_by(&bob).await;
    // The relay begins anew with the hub's certificate, which the one that is gone has signed.
    world.stop_relay().await;
    world.start_relay().await;
    let erin = world.sign_in("erin", "1").await;
    let other = alice.client().create_room("later").await.unwrap();
    alice.client().invite(&other, &erin.handle()).await.unwrap();
    alice.says_durably(&other, "under the same hub").await;
    arrives(erin.client(), &other, "under the same hub").await;
    // Who was there before the issuer was replaced can be invited: the key packages are of the new certificate, too.
    erin.client().invite(&other, &bob.handle()).await.unwrap();
    erin.says_durably(&other, "come in").await;
    arrives(bob.client(), &other, "come in").await;
}
