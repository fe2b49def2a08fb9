//! What a restart keeps, and what a restore brings back.

use wickr_base::SystemRng;

use crate::device::Seen;
use crate::running::Running;

#[tokio::test]
async fn a_restart_keeps_rooms_messages_welcomes_and_cursors() {
    let relay = Running::new().await;
    let (mut alice, mut bob, mut carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    bob.acknowledge().await;
    carol.go_offline();
    alice.send(&room, "before").await.unwrap();
    alice.take_in_until(&room, 3).await;
    alice.add(&room, &[carol.user()]).await.unwrap();
    alice.take_in_until(&room, 4).await;
    let relay = relay.restart().await;
    let rooms = bob.come_online(&relay).await;
    assert_eq!((rooms.rooms[0].after, rooms.rooms[0].head, rooms.rooms[0].epoch), (2, 4, 2));
    let seen = bob.take_in_until(&room, 4).await;
    assert_eq!(seen, [Seen::Text("before".to_owned()), Seen::Committed { own: false }]);
    carol.come_online(&relay).await;
    carol.join(&room).await;
    alice.come_online(&relay).await;
    carol.send(&room, "after").await.unwrap();
    assert_eq!(alice.take_in_until(&room, 5).await, [Seen::Text("after".to_owned())]);
    relay.stop().await;
}

#[tokio::test]
async fn a_backup_of_the_running_relay_restores_into_another_life() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    alice.send(&room, "kept").await.unwrap();
    let (data, copies) = (relay.world.data().clone(), tempfile::tempdir().unwrap());
    let (from, to) = (data.clone(), copies.path().to_owned());
    let done = tokio::task::spawn_blocking(move || wickr_relay::backup_running(&from, &to));
    let done = done.await.unwrap().unwrap().expect("the relay runs");
    assert!(done.records > 0);
    alice.send(&room, "lost").await.unwrap();
    alice.take_in_until(&room, 4).await;
    bob.take_in_until(&room, 4).await;
    bob.go_offline();
    let restored = wickr_store_log::restore(copies.path(), &data, &SystemRng, &*relay.world.clock).unwrap();
    assert!(!restored.in_place, "the relay runs");
    let relay = relay.restart().await;
    let rooms = bob.come_online(&relay).await;
    assert_eq!(rooms.incarnation, restored.incarnation.0.as_slice());
    assert!(rooms.rooms[0].resynchronise);
    assert_eq!((rooms.rooms[0].after, rooms.rooms[0].head), (2, 3));
    relay.stop().await;
}
