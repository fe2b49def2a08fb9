//! What operators see: status, readiness, figures; and that no name is in them.

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
    assert_eq!((status["rooms"].as_u64(), status["devices"].as_u64()), (Some(1), Some(2)));
    assert!(status["disk"]["free"].as_u64() > Some(0));
    assert!(status["canary"]["at"].is_string());
    assert_eq!(status["changes"]["applied"], 0);
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
