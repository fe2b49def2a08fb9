//! A profile is used in two places: message keys must never be used twice, and one of the two must go on undisturbed.

#![expect(clippy::unwrap_used, reason = "a test that can't set itself up can only stop")]

use wickr_base::{RoomId, UnixMillis};
use wickr_in_process::{Phone, World, arrives, until};
use wickr_sdk::store::Membership;
use wickr_sdk::{Connection, Delivery, Error};

async fn is_told(copy: &Phone) {
    until(copy.client(), "the refusal", |client| matches!(client.connection(), Connection::OldStore { .. }))
        .await;
}

/// Speaks until the relay must have heard how far this device's store is: what comes in is acknowledged in order,
/// and before whatever is sent afterwards.
async fn goes_on(alice: &Phone, bob: &Phone, room: &RoomId) {
    for text in ["one", "two"] {
        bob.says_durably(room, text).await;
        arrives(alice.client(), room, text).await;
    }
    alice.says_durably(room, "since the copy").await;
}

/// alice and bob in a room, and a copy of alice's profile from before both went on.
async fn copied(world: &World) -> (Phone, Phone, RoomId, Phone) {
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    alice.says_durably(&room, "before the copy").await;
    let copy = alice.copy();
    goes_on(&alice, &bob, &room).await;
    (alice, bob, room, copy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_running_profile_is_refused_and_the_original_goes_on() {
    let mut world = World::start().await;
    let (mut alice, bob, room, mut copy) = copied(&world).await;

    // Kept before anything is known, and never sealed.
    world.stop_relay().await;
    copy.open().await;
    let kept = copy.says(&room, "from the past");
    world.start_relay().await;
    is_told(&copy).await;
    match copy.client().delivery(&room, kept).await.unwrap() {
        Delivery::Refused { code, detail } => {
            assert_eq!(code, "old-store");
            assert!(detail.contains("copy of an earlier time") && detail.contains("new device"), "{detail}");
        }
        other @ Delivery::Acknowledged { .. } => panic!("{other:?}"),
    }
    let client = copy.client();
    let sent = client.send(&room, client.message_id(), "again", UnixMillis(0));
    assert!(matches!(sent, Err(Error::OldStore(_))), "{sent:?}");
    assert!(matches!(client.create_room("other").await, Err(Error::OldStore(_))));
    assert!(matches!(client.invite(&room, &bob.handle()).await, Err(Error::OldStore(_))));
    assert_eq!(copy.texts(&room), ["before the copy"], "history stays readable");

    // Whatever happens to the relay meanwhile: the copy never tries again, and the original is at home.
    world.stop_relay().await;
    world.start_relay().await;
    copy.close().await;
    copy.open().await;
    is_told(&copy).await;
    alice.online().await;
    alice.says_durably(&room, "still here").await;
    arrives(bob.client(), &room, "still here").await;
    alice.close().await;
    alice.open().await;
    alice.online().await;
    assert!(!bob.texts(&room).contains(&"from the past".to_owned()));

    // The session is not the copy's to end.
    copy.log_out().await;
    alice.close().await;
    alice.open().await;
    alice.online().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_signs_in_as_a_new_device_with_its_history_and_comes_into_the_rooms() {
    let world = World::start().await;
    let (alice, bob, room, mut copy) = copied(&world).await;
    copy.open().await;
    is_told(&copy).await;
    copy.close().await;

    world.sign_in_again(&mut copy, "alice").await;
    let (old, new) = (alice.client().account(), copy.client().account());
    assert_eq!((copy.client().replaced(), new.user), (Some(old.device), old.user));
    assert_ne!(new.device, old.device);
    until(copy.client(), "being asked in", |client| {
        client.room(&room).unwrap().is_some_and(|known| known.membership == Membership::Member)
    })
    .await;
    until(bob.client(), "the new device", |client| {
        client.room(&room).unwrap().is_some_and(|known| known.devices == 3)
    })
    .await;
    bob.says_durably(&room, "to both").await;
    arrives(copy.client(), &room, "to both").await;
    copy.says_durably(&room, "from the new device").await;
    arrives(bob.client(), &room, "from the new device").await;
    assert_eq!(copy.texts(&room), ["before the copy", "to both", "from the new device"]);
    let notices = copy.client().status().unwrap().notices;
    let is_loss = |text: &str| text.contains("dropped") || text.contains("fresh group");
    assert!(!notices.iter().any(|notice| is_loss(&notice.text)), "{notices:#?}");

    // The old one is revoked like any other.
    copy.client().revoke(old.device).await.unwrap();
    until(alice.client(), "being cut off", |client| {
        matches!(client.connection(), Connection::SignedOut { .. })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_equal_copies_the_first_to_connect_goes_on_and_the_other_is_told() {
    let world = World::start().await;
    let mut alice = world.sign_in("alice", "1").await;
    alice.close().await;
    let mut copy = alice.copy();
    copy.open().await;
    copy.online().await;
    alice.open().await;
    is_told(&alice).await;
    copy.online().await;
    copy.client().create_room("ops").await.unwrap();
}
