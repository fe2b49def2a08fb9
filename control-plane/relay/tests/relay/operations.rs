//! What operators see: status, readiness, figures; and that no name is in them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::running::{Running, until};

#[tokio::test]
async fn status_tells_of_canary_changes_rooms_and_disk() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    relay.room(&mut [&mut alice, &mut bob]).await;
    until(async || relay.status().await["canary"]["ok"] == true).await;
    let status = relay.status().await;
    assert_eq!(status["document"], 1);
    assert_eq!(status["incarnation"].as_str().unwrap().len(), 32);
    // As they were measured, which is at the start and then every 30 s.
    until(async || relay.status().await["rooms"] == 0).await;
    assert_eq!(relay.status().await["devices"], 0);
    assert!(status["disk"]["free"].as_u64() > Some(0));
    assert!(status["canary"]["at"].is_string());
    assert_eq!((&status["changes"]["applied"], &status["changes"]["ok"]), (&0.into(), &true.into()));
    relay.stop().await;
}

#[tokio::test]
async fn status_and_figures_tell_when_nobody_new_is_let_in_for_want_of_word_from_sso() {
    let relay = Running::new().await;
    until(async || relay.status().await["changes"]["ok"] == true).await;
    relay.world.clock.advance(Duration::from_secs(31));
    let changes = relay.status().await["changes"].clone();
    assert_eq!(changes["ok"], false);
    let why = changes["error"].as_str().unwrap();
    assert!(why.contains("revoked devices") && why.contains("31 s"), "{why}");
    let age = |figures: &str| -> f64 {
        let line = figures.lines().find(|line| line.starts_with("wickr_relay_changes_age_seconds "));
        line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap()
    };
    until(async || age(&relay.figures()) >= 31.0).await;
    relay.stop().await;
}

#[tokio::test]
async fn asking_for_the_status_scans_nothing() {
    let relay = Running::new().await;
    let scans = || relay.world.troubles.scans.load(Ordering::SeqCst);
    until(async || relay.status().await["rooms"].is_u64()).await;
    let measured = scans();
    for _ in 0..5 {
        relay.status().await;
    }
    assert_eq!(scans(), measured);
    relay.stop().await;
}

#[tokio::test]
async fn figures_count_and_name_nobody() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    alice.send(&room, "counted").await.unwrap();
    bob.take_in_until(&room, 3).await;
    let figures = relay.figures();
    for line in ["wickr_relay_messages_total 1", "wickr_relay_connected_devices 2"] {
        assert!(figures.contains(line), "{line} in {figures}");
    }
    for name in [room.to_string(), alice.id().to_string(), alice.user().to_string()] {
        assert!(!figures.contains(&name));
    }
    relay.stop().await;
}
