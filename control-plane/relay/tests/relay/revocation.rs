//! Revoked devices and ended sessions.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::device::{Device, Seen};
use crate::running::{Running, World, until};

#[tokio::test]
async fn a_revoked_device_is_cut_off_within_a_second_and_removed_from_its_rooms() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let rooms =
        [relay.room(&mut [&mut alice, &mut bob]).await, relay.room(&mut [&mut bob, &mut alice]).await];
    #[expect(clippy::disallowed_methods, reason = "the second is a real one")]
    let revoked = Instant::now();
    relay.revoke(bob.id());
    assert_eq!(bob.goodbye().await, "device-revoked");
    assert!(revoked.elapsed() < Duration::from_secs(1));
    bob.dial(&relay).await;
    assert_eq!(bob.authenticate(&relay.world).await.unwrap_err().code, "device-revoked");
    for room in &rooms {
        assert_eq!(alice.take_in_until(room, 3).await, [Seen::RemovalProposed]);
        alice.commit(room).await.unwrap();
        alice.take_in_until(room, 4).await;
        assert!(!alice.room(room).contains(bob.uri()));
        alice.send(room, "without bob").await.unwrap();
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_commit_that_leaves_a_revoked_device_in_is_refused() {
    let relay = Running::new().await;
    let (mut alice, mut bob, mut carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let adding = alice.adding(&room, &[carol.user()]).await;
    relay.revoke(bob.id());
    bob.goodbye().await;
    let proposals = alice.next_entries(&room).await;
    let refusal =
        alice.sequenced(wickr_wire::relay::client_frame::Body::SubmitCommit(adding)).await.unwrap_err();
    assert_eq!(refusal.code, "pending-removal");
    alice.room(&room).drop_pending_commit();
    for entry in proposals {
        assert_eq!(alice.take_in(&room, entry), Seen::RemovalProposed);
    }
    alice.add(&room, &[carol.user()]).await.unwrap();
    alice.take_in_until(&room, 4).await;
    carol.join(&room).await;
    assert!(!carol.room(&room).contains(bob.uri()));
    relay.stop().await;
}

#[tokio::test]
async fn a_revocation_survives_a_restart_and_is_proposed_after_it() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let world = relay.stop().await;
    world.feed.revoke(bob.id(), world.now());
    let relay = world.start().await;
    alice.come_online(&relay).await;
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::RemovalProposed]);
    let world = relay.stop().await;
    world.feed.restore();
    let relay = world.start().await;
    bob.dial(&relay).await;
    assert_eq!(bob.authenticate(&relay.world).await.unwrap_err().code, "device-revoked");
    relay.stop().await;
}

#[tokio::test]
async fn an_ended_session_closes_its_connection_and_its_token_lets_nobody_in() {
    let relay = Running::new().await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    alice.session = "07".repeat(16);
    alice.come_online(&relay).await;
    let (device, session, now) = (alice.id(), alice.session.clone(), relay.world.now());
    relay.world.feed.end_session(device, &session, now);
    assert_eq!(alice.goodbye().await, "session-expired");
    let relay = relay.restart().await;
    until(async || {
        alice.dial(&relay).await;
        let refused = alice.authenticate(&relay.world).await;
        refused.is_err_and(|refusal| refusal.code == "session-expired")
    })
    .await;
    alice.session = "a new one".to_owned();
    alice.come_online(&relay).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_change_that_can_not_be_read_lets_nobody_new_in_while_those_after_it_take_effect() {
    let relay = Running::new().await;
    let (mut bob, mut carol) = (relay.person().await, relay.person().await);
    relay.world.feed.add_of_later_version("PersonBanned", carol.id(), relay.world.now());
    relay.revoke(bob.id());
    assert_eq!(bob.goodbye().await, "device-revoked");
    assert!(relay.figures().contains("wickr_relay_unread_changes_total 1\n"), "{}", relay.figures());
    relay.world.clock.advance(Duration::from_secs(31));
    carol.dial(&relay).await;
    assert_eq!(carol.authenticate(&relay.world).await.unwrap_err().code, "busy");
    let changes = relay.status().await["changes"].clone();
    assert_eq!(changes["ok"], false);
    assert!(changes["error"].as_str().unwrap().contains("\"PersonBanned\""), "{changes}");
    // It is not forgotten with the process: the next one reads it again, and perhaps can.
    let relay = relay.restart().await;
    until(async || relay.figures().contains("wickr_relay_unread_changes_total 1\n")).await;
    relay.stop().await;
}

#[tokio::test]
async fn status_names_an_unread_change_while_those_after_it_are_still_being_written() {
    let relay = Running::new().await;
    let (alice, bob) = (relay.person().await, relay.person().await);
    relay.world.troubles.changes_hang.store(true, Ordering::SeqCst);
    relay.world.feed.add_of_later_version("PersonBanned", alice.id(), relay.world.now());
    relay.revoke(bob.id());
    until(async || relay.figures().contains("wickr_relay_unread_changes_total 1\n")).await;
    relay.world.clock.advance(Duration::from_secs(31));
    until(async || {
        let error = relay.status().await["changes"]["error"].to_string();
        error.contains("PersonBanned")
    })
    .await;
    relay.world.troubles.let_go();
    relay.stop().await;
}

#[tokio::test]
async fn nobody_is_let_in_before_sso_has_told_once_what_was_revoked_meanwhile() {
    let world = World::new();
    world.feed.go_away(true);
    let relay = world.start().await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    alice.dial(&relay).await;
    assert_eq!(alice.authenticate(&relay.world).await.unwrap_err().code, "busy");
    let changes = relay.status().await["changes"].clone();
    assert!(changes["error"].as_str().unwrap().contains("since the relay's start"), "{changes}");
    relay.world.feed.go_away(false);
    alice.come_online(&relay).await;
    relay.stop().await;
}
