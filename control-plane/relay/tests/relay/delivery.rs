//! Delivery: live, after a reconnect, to those who are slow; in order, once, complete.

use std::time::Duration;

use wickr_base::{MessageId, SystemRng};
use wickr_wire::relay::{PublishKeyPackages, client_frame, relay_frame, reply};

use crate::device::{Device, Seen};
use crate::running::{Running, until};

#[tokio::test]
async fn who_was_away_gets_everything_in_order_then_live_delivery() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    bob.go_offline();
    for number in 0..50 {
        alice.send(&room, &number.to_string()).await.unwrap();
    }
    let rooms = bob.come_online(&relay).await;
    assert_eq!((rooms.rooms[0].after, rooms.rooms[0].head, rooms.rooms[0].resynchronise), (2, 52, false));
    alice.send(&room, "50").await.unwrap();
    let texts: Vec<Seen> = (0..51).map(|number: i32| Seen::Text(number.to_string())).collect();
    assert_eq!(bob.take_in_until(&room, 53).await, texts);
    relay.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_not_delivered_again_even_without_a_cursor() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    alice.send(&room, "one").await.unwrap();
    bob.take_in_until(&room, 3).await;
    bob.acknowledge().await;
    bob.cursors.clear();
    // What was acknowledged is written at intervals, and when the relay stops.
    let relay = relay.restart().await;
    assert_eq!(bob.come_online(&relay).await.rooms[0].after, 3);
    bob.caught_up().await;
    assert!(bob.pending.is_empty(), "{:?}", bob.pending);
    relay.stop().await;
}

#[tokio::test]
async fn a_device_added_while_it_was_away_finds_its_welcome_first_and_then_the_room() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = alice.create_room().await;
    bob.go_offline();
    alice.add(&room, &[bob.user()]).await.unwrap();
    alice.take_in_until(&room, 2).await;
    alice.send(&room, "welcome").await.unwrap();
    let rooms = bob.come_online(&relay).await;
    assert_eq!(rooms.rooms[0].after, 2);
    bob.join(&room).await;
    assert_eq!(bob.take_in_until(&room, 3).await, [Seen::Text("welcome".to_owned())]);
    bob.acknowledge().await;
    let relay = relay.restart().await;
    bob.inbox = 0;
    bob.come_online(&relay).await;
    bob.caught_up().await;
    assert!(!bob.pending.iter().any(|frame| matches!(frame, relay_frame::Body::Inbox(_))));
    relay.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_misses_nothing_and_holds_nobody_up() {
    let relay = Running::new().await;
    let (mut alice, mut bob, mut carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob, &mut carol]).await;
    let text = "x".repeat(100 * 1024);
    // Far more than sockets and outbox hold; bob reads nothing of it.
    let requests = {
        let mut requests = Vec::new();
        for _ in 0..150 {
            let sealed = alice.sealed(&room, &text, &Device::outer(MessageId::random(&SystemRng), 0));
            requests.push(alice.ask_later(sealed).await);
            if requests.len() % 10 == 0 {
                for request in requests.drain(..) {
                    alice.answer(request).await.unwrap();
                }
            }
        }
        requests
    };
    assert!(requests.is_empty());
    assert_eq!(carol.take_in_until(&room, 152).await.len(), 150);
    assert_eq!(bob.take_in_until(&room, 152).await.len(), 150);
    alice.send(&room, "live again").await.unwrap();
    assert_eq!(bob.take_in_until(&room, 153).await, [Seen::Text("live again".to_owned())]);
    let figures = relay.figures();
    assert!(!figures.contains("wickr_relay_caught_up_total 0"), "somebody was served from the log");
    relay.stop().await;
}

#[tokio::test]
async fn a_reader_that_stops_for_good_is_cut_off_and_finds_everything_when_it_comes_back() {
    let relay = Running::new().await;
    let (mut alice, mut bob, mut carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob, &mut carol]).await;
    let text = "x".repeat(100 * 1024);
    // More than sockets and outbox hold, so that the relay is in the middle of a write to bob.
    for _ in 0..150 {
        alice.send(&room, &text).await.unwrap();
    }
    assert_eq!(carol.take_in_until(&room, 152).await.len(), 150);
    for _ in 0..2 {
        relay.world.clock.advance(Duration::from_secs(61));
        alice.send(&room, "still here").await.unwrap();
        carol.acknowledge().await;
    }
    until(async || relay.figures().contains("wickr_relay_connected_devices 2\n")).await;
    assert_eq!(carol.take_in_until(&room, 154).await.len(), 2);
    // Two minutes without a word from sso: the restart asks for one at once.
    let relay = relay.restart().await;
    bob.come_online(&relay).await;
    assert_eq!(bob.take_in_until(&room, 154).await.len(), 152);
    relay.stop().await;
}

#[tokio::test]
async fn key_packages_are_counted_and_given_once() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let count = async |device: &mut Device| {
        let nothing = client_frame::Body::PublishKeyPackages(PublishKeyPackages::default());
        match device.ask(nothing).await {
            Ok(reply::Outcome::KeyPackageCount(count)) => (count.one_time, count.last_resort),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(count(&mut bob).await, (3, true));
    let mut given = Vec::new();
    for _ in 0..5 {
        given.push(alice.claim(&[bob.user()]).await.unwrap().remove(0).1);
    }
    assert_eq!(count(&mut bob).await, (0, true));
    assert_eq!(given[3], given[4], "the last resort is given again");
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 4);
    let stolen = PublishKeyPackages { one_time: given.clone(), ..PublishKeyPackages::default() };
    let refusal = alice.ask(client_frame::Body::PublishKeyPackages(stolen)).await.unwrap_err();
    assert_eq!(refusal.code, "key-package-refused");
    let nobody = wickr_base::UserId::random(&SystemRng);
    assert_eq!(alice.claim(&[nobody]).await.unwrap_err().code, "no-key-packages");
    relay.stop().await;
}

#[tokio::test]
async fn a_room_that_a_connected_device_has_left_is_kept_in_memory_by_nobody() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    alice.remove(&room, &[bob.uri().clone()]).await.unwrap();
    assert_eq!(bob.take_in_until(&room, 3).await, [Seen::Removed]);
    alice.go_offline();
    until(async || relay.figures().contains("wickr_relay_live_rooms 0\n")).await;
    // Its last entry can still be acknowledged, and then there is nothing left of it for the device.
    bob.acknowledge().await;
    assert!(bob.come_online(&relay).await.rooms.is_empty());
    relay.stop().await;
}
