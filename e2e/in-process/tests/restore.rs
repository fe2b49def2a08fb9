//! The relay's volume is lost and restored to an older state: rooms go on, and nothing that a client still has is lost.

#![expect(clippy::unwrap_used, reason = "a test that can't read its own store can only stop")]

use wickr_base::{RoomId, SystemClock, SystemRng};
use wickr_in_process::{Phone, World, arrives, until};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_rooms_go_on_and_lost_messages_come_back_once() {
    let mut world = World::start().await;
    let (alice, mut bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let carol = world.sign_in("carol", "1").await;
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    alice.client().invite(&room, &carol.handle()).await.unwrap();
    alice.says_durably(&room, "in the backup").await;
    for phone in [&bob, &carol] {
        arrives(phone.client(), &room, "in the backup").await;
    }
    let backup = tempfile::tempdir().unwrap();
    world.stop_relay().await;
    wickr_store_log::backup_closed(&world.relay_data(), backup.path()).unwrap();
    world.start_relay().await;
    alice.online().await;
    bob.online().await;

    // Acknowledged, received by some, then lost with the volume.
    bob.close().await;
    alice.says_durably(&room, "lost, carol has it").await;
    arrives(carol.client(), &room, "lost, carol has it").await;
    carol.says_durably(&room, "lost too").await;
    arrives(alice.client(), &room, "lost too").await;
    world.stop_relay().await;
    std::fs::remove_dir_all(world.relay_data()).unwrap();
    wickr_store_log::restore(backup.path(), &world.relay_data(), &SystemRng, &SystemClock::new()).unwrap();
    world.start_relay().await;

    bob.open().await;
    for phone in [&alice, &bob, &carol] {
        until(phone.client(), "a usable room", |client| {
            client.rooms().unwrap().iter().any(|known| known.id == room && known.repair.is_none())
        })
        .await;
    }
    alice.says_durably(&room, "after the restore").await;
    for phone in [&bob, &carol] {
        arrives(phone.client(), &room, "after the restore").await;
    }
    arrives(bob.client(), &room, "lost, carol has it").await;
    arrives(bob.client(), &room, "lost too").await;
    for phone in [&alice, &bob, &carol] {
        let mut texts = phone.texts(&room);
        texts.sort();
        assert_eq!(texts, ["after the restore", "in the backup", "lost too", "lost, carol has it"]);
    }
}

async fn usable(phone: &Phone, room: &RoomId) {
    until(phone.client(), "a usable room", |client| {
        client.rooms().unwrap().iter().any(|known| known.id == *room && known.repair.is_none())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_after_the_backup_is_not_back_in_the_room_by_being_first() {
    let mut world = World::start().await;
    let (mut alice, mut bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let (mut rita, tablet) = (world.sign_in("rita", "phone").await, world.sign_in("rita", "tablet").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    alice.client().invite(&room, &rita.handle()).await.unwrap();
    alice.says_durably(&room, "in the backup").await;
    for phone in [&bob, &rita, &tablet] {
        arrives(phone.client(), &room, "in the backup").await;
    }
    // Her phone is off while she leaves with the tablet.
    rita.close().await;
    let backup = tempfile::tempdir().unwrap();
    world.stop_relay().await;
    wickr_store_log::backup_closed(&world.relay_data(), backup.path()).unwrap();
    world.start_relay().await;
    for phone in [&alice, &bob, &tablet] {
        phone.online().await;
    }
    tablet.client().leave(&room).await.unwrap();
    for phone in [&alice, &bob] {
        until(phone.client(), "the room without her", |client| client.members(&room).unwrap().len() == 2)
            .await;
    }
    alice.says_durably(&room, "among ourselves").await;
    arrives(bob.client(), &room, "among ourselves").await;

    for phone in [&mut alice, &mut bob] {
        phone.close().await;
    }
    world.stop_relay().await;
    std::fs::remove_dir_all(world.relay_data()).unwrap();
    wickr_store_log::restore(backup.path(), &world.relay_data(), &SystemRng, &SystemClock::new()).unwrap();
    world.start_relay().await;
    rita.open().await;
    rita.online().await;
    usable(&rita, &room).await;
    rita.says_durably(&room, "I am back").await;

    for phone in [&mut alice, &mut bob] {
        phone.open().await;
    }
    for phone in [&alice, &bob] {
        phone.online().await;
        usable(phone, &room).await;
        until(phone.client(), "the room without her", |client| {
            client.members(&room).is_ok_and(|members| members.len() == 2)
        })
        .await;
    }
    alice.says_durably(&room, "still among ourselves").await;
    arrives(bob.client(), &room, "still among ourselves").await;
    for phone in [&alice, &bob] {
        assert_eq!(phone.texts(&room), ["in the backup", "among ourselves", "still among ourselves"]);
        let notices = phone.client().status().unwrap().notices;
        assert!(notices.iter().any(|notice| notice.text.contains("was not taken")), "{notices:#?}");
    }
    assert_eq!(rita.texts(&room), ["in the backup", "I am back"]);
}
