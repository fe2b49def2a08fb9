//! What every member has leaves the relay; the room goes on.

use std::time::Duration;

use crate::device::Seen;
use crate::running::{Running, until};

#[tokio::test]
async fn what_every_member_has_acknowledged_leaves_the_relay_and_the_room_goes_on() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    for text in ["one", "two"] {
        alice.send(&room, text).await.unwrap();
    }
    alice.take_in_until(&room, 4).await;
    bob.take_in_until(&room, 3).await;
    alice.acknowledge().await;
    bob.acknowledge().await;
    let trimmed = |figures: &str| -> u64 {
        let line = figures.lines().find(|line| line.starts_with("wickr_relay_trimmed_total "));
        line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap()
    };
    until(async || {
        relay.world.clock.advance(Duration::from_mins(1));
        trimmed(&relay.figures()) == 3
    })
    .await;
    let relay = relay.restart().await;
    let rooms = bob.come_online(&relay).await;
    assert_eq!((rooms.rooms[0].after, rooms.rooms[0].head, rooms.rooms[0].resynchronise), (3, 4, false));
    assert_eq!(bob.take_in_until(&room, 4).await, [Seen::Text("two".to_owned())]);
    alice.come_online(&relay).await;
    alice.send(&room, "three").await.unwrap();
    assert_eq!(bob.take_in_until(&room, 5).await, [Seen::Text("three".to_owned())]);
    relay.stop().await;
}
