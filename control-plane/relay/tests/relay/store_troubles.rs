//! A store that fails, has no room, or takes long: what devices and operators notice of it, and what they don't.

use std::sync::atomic::Ordering;

use wickr_store::queue::StoreError;
use wickr_wire::relay::{ClaimKeyPackages, client_frame, reply};

use crate::device::Seen;
use crate::running::{Running, World, until};

fn broken() -> StoreError {
    StoreError::Failed {
        attempted: "syncing the journal",
        cause: "Input/output error (os error 5)".to_owned(),
    }
}

#[tokio::test]
async fn gate_and_canary_tell_why_nothing_can_be_stored() {
    let full = StoreError::Full { free: 1, needed: 2 };
    for (error, words, code) in
        [(broken(), "Input/output error (os error 5)", "internal"), (full, "no space left", "storage-full")]
    {
        let world = World::new();
        *world.troubles.fails.lock() = Some(error);
        let relay = world.start().await;
        until(async || relay.status().await["canary"]["error"].is_string()).await;
        let status = relay.status().await;
        assert!(status["canary"]["error"].as_str().unwrap().contains(words), "{status}");
        assert_eq!(status["canary"]["code"], code);
        let gates = status["gates"].as_array().unwrap();
        let store = gates.iter().find(|gate| gate["name"] == "store").unwrap();
        assert_eq!(
            store["open"],
            code == "storage-full",
            "what is stored can still be had from a full volume"
        );
        assert!(store["detail"].as_str().unwrap().contains(words), "{store}");
        relay.stop().await;
    }
}

#[tokio::test]
async fn frames_that_fail_with_the_store_are_counted_and_the_device_is_told_no_details() {
    let relay = Running::new().await;
    let mut alice = relay.person().await;
    let room = relay.room(&mut [&mut alice]).await;
    *relay.world.troubles.fails.lock() = Some(broken());
    for _ in 0..3 {
        let refusal = alice.send(&room, "lost").await.unwrap_err();
        assert_eq!(refusal.code, "internal");
        assert!(!refusal.detail.contains("os error"), "{}", refusal.detail);
    }
    assert!(relay.figures().contains("wickr_relay_store_failures_total 3\n"), "{}", relay.figures());
    relay.stop().await;
}

#[tokio::test]
async fn a_removal_that_the_store_has_no_room_for_is_tried_again_after_a_pause() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let troubles = relay.world.troubles.clone();
    let before = troubles.handshakes.load(Ordering::SeqCst);
    troubles.no_room_for_handshakes.store(true, Ordering::SeqCst);
    relay.revoke(bob.id());
    until(async || troubles.handshakes.load(Ordering::SeqCst) > before).await;
    for _ in 0..5 {
        relay.status().await;
    }
    assert_eq!(troubles.handshakes.load(Ordering::SeqCst), before + 1, "once in five seconds");
    troubles.no_room_for_handshakes.store(false, Ordering::SeqCst);
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::RemovalProposed]);
    relay.stop().await;
}

#[tokio::test]
async fn removals_that_are_not_known_at_the_start_are_asked_for_again() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    relay.world.troubles.no_room_for_handshakes.store(true, Ordering::SeqCst);
    relay.revoke(bob.id());
    assert_eq!(bob.goodbye().await, "device-revoked");
    let world = relay.stop().await;
    world.troubles.no_room_for_handshakes.store(false, Ordering::SeqCst);
    world.troubles.removals_unknown.store(1, Ordering::SeqCst);
    let relay = world.start().await;
    alice.come_online(&relay).await;
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::RemovalProposed]);
    assert_eq!(relay.world.troubles.removals_unknown.load(Ordering::SeqCst), 0);
    relay.stop().await;
}

#[tokio::test]
async fn a_fifth_rare_request_waits_without_holding_up_what_comes_for_the_device() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    relay.world.troubles.claims_hang.store(true, Ordering::SeqCst);
    let claim = ClaimKeyPackages { users: vec![bob.user().to_string()] };
    let mut requests = Vec::new();
    for _ in 0..5 {
        requests.push(alice.ask_later(client_frame::Body::ClaimKeyPackages(claim.clone())).await);
    }
    bob.send(&room, "in between").await.unwrap();
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::Text("in between".to_owned())]);
    relay.world.troubles.let_go();
    let fifth = alice.answer(requests[4]).await.unwrap();
    assert!(matches!(fifth, reply::Outcome::KeyPackages(_)), "{fifth:?}");
    relay.stop().await;
}
