//! What a restart keeps, and what a restore brings back.

use futures::{StreamExt as _, stream};
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
async fn two_hundred_devices_that_come_back_at_once_are_all_let_in_and_get_what_they_missed() {
    const ROOMS: usize = 10;
    const PEOPLE: usize = 20;
    // As many as would hold the fewest sockets of a machine; the others come when one of these is in.
    const AT_A_TIME: usize = 64;
    let relay = Running::new().await;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        let mut people = Vec::new();
        for _ in 0..PEOPLE {
            people.push(relay.person().await);
        }
        let room = relay.room(&mut people.iter_mut().collect::<Vec<_>>()).await;
        people[0].send(&room, "while you were out").await.unwrap();
        rooms.push((room, people));
    }
    let relay = relay.restart().await;
    let devices = rooms.iter_mut().flat_map(|(room, people)| {
        let room = &*room;
        people.iter_mut().map(move |device| (room, device))
    });
    let back = stream::iter(devices).map(async |(room, device)| {
        device.come_online(&relay).await;
        (device.take_in_until(room, 3).await, device.caught_up().await).0
    });
    let seen: Vec<Vec<Seen>> = back.buffer_unordered(AT_A_TIME).collect().await;
    let texts = seen.iter().filter(|seen| **seen == [Seen::Text("while you were out".to_owned())]).count();
    let own = seen.iter().filter(|seen| matches!(seen[..], [Seen::Own(_)])).count();
    assert_eq!((seen.len(), texts, own), (ROOMS * PEOPLE, ROOMS * (PEOPLE - 1), ROOMS));
    let figures = relay.figures();
    assert!(figures.contains("wickr_relay_connected_devices 200\n"), "{figures}");
    let refused = |line: &&str| line.starts_with("wickr_relay_refusals_total") && !line.ends_with(" 0");
    assert_eq!(figures.lines().find(refused), None);
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
