//! Keys are replaced while people talk: nobody loses a message or a connection, and who was away finds back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use wickr_in_process::{World, arrives, until};
use wickr_sdk::Connection;

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
    let (over, alice, talk) = (Arc::new(AtomicBool::new(false)), Arc::new(alice), room.clone());
    let talking = tokio::spawn({
        let (over, alice) = (Arc::clone(&over), Arc::clone(&alice));
        async move {
            let mut said = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let text = format!("word {}", said.len());
                alice.says(&talk, &text);
                assert_eq!(alice.client().connection(), Connection::Online, "at {text}");
                said.push(text);
                // A pace, not a wait: some hundred words a second would do as well.
                sleep(Duration::from_millis(20)).await;
            }
            said
        }
    });
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
    over.store(true, Ordering::Relaxed);
    let said = talking.await.unwrap();
    assert!(said.len() > 100, "{}", said.len());
    alice.says_durably(&room, "the last word").await;
    arrives(bob.client(), &room, "the last word").await;
    let heard = bob.texts(&room);
    let words: Vec<&String> = heard.iter().filter(|text| text.starts_with("word ")).collect();
    assert_eq!(words, said.iter().collect::<Vec<_>>(), "each word once, in order");
    assert_eq!(bob.client().connection(), Connection::Online);
    // The one who was away trusts an issuer that is gone; the pin is enough.
    away.open().await;
    away.online().await;
    arrives(away.client(), &room, "the last word").await;
    assert_eq!(away.client().status().unwrap().document, 4);
}
