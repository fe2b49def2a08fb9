//! The relay's volume is lost and restored to an older state: rooms go on, and nothing that a client still has is lost.

use wickr_base::{SystemClock, SystemRng};
use wickr_in_process::{World, arrives, until};

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
