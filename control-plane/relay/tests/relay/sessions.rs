//! Who gets in, for how long, and how a connection ends.

use std::time::Duration;

use wickr_store::queue::STANDS;
use wickr_wire::relay::{Resume, client_frame};

use crate::device::Device;
use crate::running::{Running, until};

#[tokio::test]
async fn nothing_is_answered_before_the_device_is_known() {
    let relay = Running::new().await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    alice.dial(&relay).await;
    let refusal = alice.ask(client_frame::Body::Resume(Resume::default())).await.unwrap_err();
    assert_eq!(refusal.code, "unauthenticated");
    relay.stop().await;
}

#[tokio::test]
async fn a_proof_that_does_not_hold_is_refused() {
    let relay = Running::new().await;
    let (mut alice, bob) = (
        Device::new(&relay.world, relay.world.network.device()),
        Device::new(&relay.world, relay.world.network.device()),
    );
    alice.dial(&relay).await;
    let world = &relay.world;
    let (mine, his) = (world.token(&alice.identity, "a"), world.token(&bob.identity, "b"));
    let good = alice.proof(mine.clone());
    let mut old_nonce = good.clone();
    old_nonce.signature = bob.proof(mine).signature;
    let mut stolen_certificate = good.clone();
    stolen_certificate.certificate = bytes::Bytes::copy_from_slice(&bob.identity.certificate);
    let mut damaged = good.clone();
    damaged.session_token.pop();
    let mut another_revision = good.clone();
    another_revision.store_revision += 1;
    for proof in [old_nonce, stolen_certificate, damaged, another_revision, alice.proof(his)] {
        let refusal = alice.ask(client_frame::Body::Authenticate(proof)).await.unwrap_err();
        assert_eq!(refusal.code, "unauthenticated");
    }
    alice.ask(client_frame::Body::Authenticate(good)).await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn an_expired_token_lets_nobody_in() {
    let relay = Running::new().await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    let token = relay.world.token(&alice.identity, "a");
    relay.world.pass(Duration::from_mins(15));
    alice.dial(&relay).await;
    let proof = alice.proof(token);
    let refusal = alice.ask(client_frame::Body::Authenticate(proof)).await.unwrap_err();
    assert_eq!(refusal.code, "session-expired");
    relay.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_a_day_ahead_and_is_right_again_keeps_nobody_out() {
    let relay = Running::new().await;
    let right = relay.world.now();
    relay.world.pass(Duration::from_hours(24));
    // The store looks at the clock every second, and believes it when it has stood for a while.
    let ahead = |figures: &str| -> f64 {
        let line = figures.lines().find(|line| line.starts_with("wickr_relay_store_time_ahead_seconds "));
        line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap()
    };
    until(async || ahead(&relay.figures()) < -80_000.0).await;
    relay.world.clock.advance(STANDS);
    until(async || ahead(&relay.figures()).abs() < 1.0).await;
    relay.world.clock.set(right);
    until(async || ahead(&relay.figures()) > 80_000.0).await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    // sso is heard again, after the time that the monotonic clock has gone on.
    relay.world.feed.end_session(alice.id(), &"0".repeat(32), right);
    until(async || relay.status().await["changes"]["ok"] == true).await;
    alice.dial(&relay).await;
    alice.authenticate(&relay.world).await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn without_word_from_sso_for_half_a_minute_nobody_new_gets_in() {
    let relay = Running::new().await;
    let (mut alice, mut bob) =
        (relay.person().await, Device::new(&relay.world, relay.world.network.device()));
    relay.world.clock.advance(Duration::from_secs(31));
    bob.dial(&relay).await;
    assert_eq!(bob.authenticate(&relay.world).await.unwrap_err().code, "busy");
    alice.authenticate(&relay.world).await.expect("who is in goes on");
    relay.stop().await;
}

#[tokio::test]
async fn a_session_ends_at_its_time_unless_a_new_token_came_on_the_open_connection() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    relay.world.pass(Duration::from_mins(1));
    alice.authenticate(&relay.world).await.unwrap();
    relay.world.pass(Duration::from_mins(14));
    assert_eq!(bob.goodbye().await, "session-expired");
    alice.create_room().await;
    relay.stop().await;
}

#[tokio::test]
async fn a_second_connection_of_a_device_ends_the_first() {
    let relay = Running::new().await;
    let mut alice = relay.person().await;
    let mut again = Device::new(&relay.world, relay.world.network.device());
    std::mem::swap(&mut again.identity, &mut alice.identity);
    again.session.clone_from(&alice.session);
    again.revision = alice.revision;
    again.come_online(&relay).await;
    assert_eq!(alice.goodbye().await, "already-exists");
    again.create_room_without_state().await;
    relay.stop().await;
}

#[tokio::test]
async fn a_frame_that_can_not_be_read_ends_the_connection() {
    let relay = Running::new().await;
    let mut alice = relay.person().await;
    alice.send_bytes(vec![0xff; 20]).await;
    assert_eq!(alice.goodbye().await, "malformed");
    relay.stop().await;
}

#[tokio::test]
async fn everybody_is_told_when_the_relay_drains() {
    let relay = Running::new().await;
    let mut alice = relay.person().await;
    relay.begin_shutdown();
    assert_eq!(alice.goodbye().await, "draining");
    relay.stop().await;
}
