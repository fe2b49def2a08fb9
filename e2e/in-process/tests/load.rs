//! Many at once, more than the relay allows, and a relay that goes away in between: order, completeness, no duplicates, no
//! lost change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use wickr_base::RoomId;
use wickr_in_process::{Phone, World, arrives, until};
use wickr_relay::RelayLimits;
use wickr_service::Rate;

const EACH: usize = 40;

async fn all_in_one_room(world: &World, people: &[&str]) -> (Vec<Phone>, RoomId) {
    let mut phones = Vec::new();
    for person in people {
        phones.push(world.sign_in(person, "1").await);
    }
    let room = phones[0].client().create_room("ops").await.unwrap();
    for phone in &phones[1..] {
        phones[0].client().invite(&room, &phone.handle()).await.unwrap();
    }
    (phones, room)
}

async fn everybody_is_in(phones: &[Phone], room: &RoomId) {
    for phone in phones {
        until(phone.client(), "everybody", |client| {
            client.room(room).unwrap().is_some_and(|known| known.devices == phones.len())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_and_with_a_relay_that_goes_away_everything_arrives_in_order_once() {
    let mut world = World::start().await;
    let (phones, room) = all_in_one_room(&world, &["alice", "bob", "carol"]).await;
    everybody_is_in(&phones, &room).await;
    for number in 0..EACH {
        for (who, phone) in phones.iter().enumerate() {
            phone.says(&room, &format!("{who}:{number}"));
        }
        if number % 10 == 5 {
            world.stop_relay().await;
            world.start_relay().await;
        }
    }
    let last: Vec<_> = (0..phones.len()).map(|who| format!("{who}:{}", EACH - 1)).collect();
    for phone in &phones {
        for text in &last {
            arrives(phone.client(), &room, text).await;
        }
    }
    let order = |phone: &Phone| {
        let mut messages = phone.client().history(Some(&room), 10_000).unwrap();
        messages.sort_by_key(|message| message.seq);
        messages.into_iter().map(|message| (message.seq, message.text)).collect::<Vec<_>>()
    };
    let first = order(&phones[0]);
    assert_eq!(first.len(), phones.len() * EACH);
    for phone in &phones {
        until(phone.client(), "the acknowledgements", |client| client.status().unwrap().unsent.is_empty())
            .await;
        assert_eq!(order(phone), first, "one order for all");
        assert!(phone.client().status().unwrap().notices.is_empty());
    }
    for who in 0..phones.len() {
        let of_one: Vec<_> =
            first.iter().map(|(_, text)| text).filter(|text| text.starts_with(&format!("{who}:"))).collect();
        let written: Vec<_> = (0..EACH).map(|number| format!("{who}:{number}")).collect();
        assert_eq!(of_one, written.iter().collect::<Vec<_>>(), "as written by each");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_several_change_a_room_at_once_each_change_comes_about() {
    let world = World::start().await;
    let (phones, room) = all_in_one_room(&world, &["alice", "bob", "carol"]).await;
    everybody_is_in(&phones, &room).await;
    let mut guests = Vec::new();
    for person in ["dave", "erin", "frank"] {
        guests.push(world.sign_in(person, "1").await);
    }
    let invitations = phones.iter().zip(&guests).map(|(phone, guest)| {
        let (client, room, handle) = (phone.client().clone(), room.clone(), guest.handle());
        tokio::spawn(async move { client.invite(&room, &handle).await })
    });
    for invitation in invitations.collect::<Vec<_>>() {
        invitation.await.unwrap().unwrap();
    }
    let everybody: Vec<_> = phones.into_iter().chain(guests).collect();
    everybody_is_in(&everybody, &room).await;
    for phone in &everybody {
        phone.says_durably(&room, &format!("I am {}", phone.handle())).await;
    }
    for phone in &everybody {
        arrives(phone.client(), &room, "I am frank@hq.example").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_faster_than_the_relay_allows_arrives_later_complete_and_in_order() {
    let mut world = World::start().await;
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    until(bob.client(), "the invitation", |client| client.room(&room).unwrap().is_some()).await;
    world.stop_relay().await;
    // Two at once, then ten a second.
    world.relay_limits = RelayLimits { messages: Rate::new(2, 600), ..RelayLimits::default() };
    world.start_relay().await;
    alice.online().await;

    let began = tokio::time::Instant::now();
    let texts: Vec<String> = (0..22).map(|number| format!("message {number}")).collect();
    for text in &texts {
        alice.says(&room, text);
    }
    arrives(bob.client(), &room, "message 21").await;
    assert!(began.elapsed() >= Duration::from_millis(1_900), "twenty had to wait a tenth of a second each");
    let mut received = bob.texts(&room);
    received.retain(|text| text.starts_with("message"));
    assert_eq!(received, texts);
    until(alice.client(), "the acknowledgements", |client| client.status().unwrap().unsent.is_empty()).await;
}
