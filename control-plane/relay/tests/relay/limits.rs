//! Rates: who asks too much is told for how long to wait, loses nothing by it, and slows nobody else down.

use std::time::Duration;

use wickr_base::{MessageId, SystemRng};
use wickr_relay::RelayLimits;
use wickr_service::Rate;
use wickr_wire::relay::{FetchRoster, PublishKeyPackages, Reply, client_frame, relay_frame, reply};

use crate::device::{Device, Seen};
use crate::running::{Running, World};

async fn with(limits: RelayLimits) -> Running {
    let mut world = World::new();
    world.config.service.limits = limits;
    world.start().await
}

#[tokio::test]
async fn a_device_that_floods_is_told_to_wait_while_another_sends_all_that_it_may() {
    let messages = Rate::new(20, 60);
    let relay = with(RelayLimits { messages, ..RelayLimits::default() }).await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    for number in 0..100 {
        let outer = Device::outer(MessageId::random(&SystemRng), 0);
        let sealed = alice.sealed(&room, &number.to_string(), &outer);
        alice.ask_later(sealed).await;
    }
    for number in 0..20 {
        bob.send(&room, &format!("bob {number}")).await.unwrap();
    }
    let (mut answers, mut refused) = (0, Vec::new());
    while answers < 100 {
        let Some(frame) = alice.receive().await else { panic!("the connection ended") };
        let relay_frame::Body::Reply(Reply { outcome, .. }) = frame else { continue };
        answers += 1;
        if let Some(reply::Outcome::Refused(refusal)) = outcome {
            refused.push((refusal.code, refusal.retry_after_ms));
        }
    }
    assert_eq!(refused, vec![("too-many".to_owned(), 1_000); 80]);
    assert!(relay.figures().contains("wickr_relay_limited_total{limit=\"messages\"} 80\n"));

    // Connecting again gives no new allowance; waiting as long as told does.
    alice.come_online(&relay).await;
    alice.caught_up().await;
    assert_eq!(alice.send(&room, "too early").await.unwrap_err().code, "too-many");
    relay.world.clock.advance(Duration::from_secs(1));
    alice.send(&room, "in time").await.unwrap();
    let texts = bob.take_in_until(&room, 43).await;
    let of_alice = texts.iter().filter(|seen| matches!(seen, Seen::Text(_))).count();
    assert_eq!((of_alice, texts.last()), (21, Some(&Seen::Text("in time".to_owned()))));
    relay.stop().await;
}

#[tokio::test]
async fn bytes_are_counted_beside_messages() {
    let bytes = Rate::new(100_000, 60_000_000);
    let relay = with(RelayLimits { bytes, ..RelayLimits::default() }).await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let text = "x".repeat(60_000);
    alice.send(&room, &text).await.unwrap();
    let refusal = alice.send(&room, &text).await.unwrap_err();
    assert!(refusal.code == "too-many" && refusal.detail.contains("bytes"), "{refusal:?}");
    assert!((1..1_000).contains(&refusal.retry_after_ms), "{refusal:?}");
    alice.send(&room, "a short one").await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn rare_requests_and_new_proofs_share_one_rate() {
    let requests = Rate::new(10, 60);
    let relay = with(RelayLimits { requests, ..RelayLimits::default() }).await;
    let mut alice = relay.person().await;
    let room = alice.create_room().await;
    let roster = || client_frame::Body::FetchRoster(FetchRoster { room: room.to_string() });
    let mut answered = 0;
    while alice.ask(roster()).await.is_ok() {
        answered += 1;
    }
    // Publishing its key packages and making the room were the other two.
    assert_eq!(answered, 8);
    assert_eq!(alice.authenticate(&relay.world).await.unwrap_err().retry_after_ms, 1_000);
    alice.send(&room, "messages are another rate").await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn who_claims_the_same_person_again_and_again_leaves_one_time_packages_for_others() {
    let one_time_packages = Rate::new(2, 1);
    let relay = with(RelayLimits { one_time_packages, ..RelayLimits::default() }).await;
    let (mut mallory, mut alice, mut bob) =
        (relay.person().await, relay.person().await, relay.person().await);
    let mut given = Vec::new();
    for _ in 0..10 {
        given.push(mallory.claim(&[bob.user()]).await.unwrap().remove(0).1);
    }
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 3, "two one-time packages and the last resort");
    let count = client_frame::Body::PublishKeyPackages(PublishKeyPackages::default());
    let Ok(reply::Outcome::KeyPackageCount(count)) = bob.ask(count).await else { panic!("no count") };
    assert_eq!(count.one_time, 1);
    let for_alice = alice.claim(&[bob.user()]).await.unwrap().remove(0).1;
    assert!(!given.contains(&for_alice), "the one that was kept");
    assert!(relay.figures().contains("wickr_relay_packages_kept_total 8\n"));
    relay.stop().await;
}

#[tokio::test]
async fn claims_are_counted_by_people_and_by_device() {
    let claims = Rate::new(3, 60);
    let relay = with(RelayLimits { claims, ..RelayLimits::default() }).await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    alice.claim(&[bob.user(), alice.user()]).await.unwrap();
    let refusal = alice.claim(&[bob.user(), alice.user()]).await.unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.retry_after_ms), ("too-many", 1_000));
    bob.claim(&[alice.user()]).await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn a_full_room_takes_nobody_more_but_another_device_of_who_is_in_it() {
    let room_members = 2.try_into().unwrap();
    let relay = with(RelayLimits { room_members, ..RelayLimits::default() }).await;
    let (mut alice, mut bob, carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let refusal = alice.add(&room, &[carol.user()]).await.unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.retry_after_ms), ("room-full", 0));
    assert!(refusal.detail.contains("at most 2") && refusal.detail.contains("another room"), "{refusal:?}");
    assert!(relay.figures().contains("wickr_relay_refusals_total{code=\"room-full\"} 1\n"));
    alice.room(&room).drop_pending_commit();

    let second = relay.world.network.device_of(bob.user());
    let mut second = Device::new(&relay.world, second);
    second.come_online(&relay).await;
    second.publish(1).await;
    // Bob's first device is in the room already: what is claimed of him is its package and the new one's.
    let mut packages = alice.claim(&[bob.user()]).await.unwrap();
    packages.retain(|(uri, _)| uri == second.uri());
    let submit = alice.adding_packages(&room, &packages);
    alice.sequenced(client_frame::Body::SubmitCommit(submit)).await.unwrap();
    alice.take_in_until(&room, 3).await;
    second.join(&room).await;
    alice.send(&room, "to three devices").await.unwrap();
    assert_eq!(second.take_in_until(&room, 4).await, [Seen::Text("to three devices".to_owned())]);
    relay.stop().await;
}
