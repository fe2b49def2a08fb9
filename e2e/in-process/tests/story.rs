//! What people do with the product, against the real relay and the real sso.

use wickr_in_process::{World, arrives, until};
use wickr_sdk::Connection;
use wickr_sdk::store::Membership;

#[tokio::test(flavor = "multi_thread")]
async fn two_people_meet_in_a_room_and_talk_both_ways() {
    let world = World::start().await;
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    let invitation = alice.client().invite(&room, &bob.handle()).await.unwrap();
    assert_eq!(invitation.added, [bob.client().account().device]);
    alice.says_durably(&room, "hello bob").await;
    arrives(bob.client(), &room, "hello bob").await;
    bob.says_durably(&room, "hello alice").await;
    arrives(alice.client(), &room, "hello alice").await;
    until(bob.client(), "the room's name", |client| {
        client.rooms().unwrap().iter().any(|known| known.id == room && known.name.as_deref() == Some("ops"))
    })
    .await;
    assert_eq!(alice.texts(&room), ["hello bob", "hello alice"]);
    assert_eq!(bob.texts(&room), ["hello bob", "hello alice"]);
    bob.client().learn_handles().await.unwrap();
    let members = bob.client().members(&room).unwrap();
    let handles: Vec<_> = members.iter().map(|member| member.handle.clone().unwrap().to_string()).collect();
    assert_eq!(handles, ["alice@hq.example", "bob@hq.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_relay_is_down_arrives_once_it_is_back() {
    let mut world = World::start().await;
    let (alice, mut bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    alice.says_durably(&room, "before").await;
    arrives(bob.client(), &room, "before").await;
    world.stop_relay().await;
    until(alice.client(), "the loss of the connection", |client| {
        matches!(client.connection(), Connection::Offline { .. })
    })
    .await;
    let kept = alice.says(&room, "meanwhile");
    assert_eq!(alice.client().status().unwrap().unsent.len(), 1);
    bob.close().await;
    world.start_relay().await;
    alice.client().delivery(&room, kept).await.unwrap();
    alice.says_durably(&room, "after").await;
    bob.open().await;
    arrives(bob.client(), &room, "after").await;
    assert_eq!(bob.texts(&room), ["before", "meanwhile", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_begun_comes_about_though_nobody_waits_any_more() {
    let mut world = World::start().await;
    let alice = world.sign_in("alice", "1").await;
    let room = alice.client().begin_room("ops").await.unwrap();
    world.stop_relay().await;
    let membership = |client: &wickr_sdk::Client| client.room(&room).unwrap().unwrap().membership;
    let waited =
        tokio::time::timeout(std::time::Duration::from_millis(100), alice.client().finish_room(&room));
    assert!(waited.await.is_err(), "there is nobody to answer");
    assert_eq!(membership(alice.client()), Membership::Creating);
    let early = alice.says(&room, "the first to say something");
    world.start_relay().await;
    until(alice.client(), "the room", |client| membership(client) == Membership::Member).await;
    alice.client().finish_room(&room).await.unwrap();
    alice.client().delivery(&room, early).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_given_to_the_application_once_across_restarts() {
    let world = World::start().await;
    let (alice, mut bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    let mut given = Vec::new();
    for round in 0..4 {
        for number in 0..5 {
            alice.says_durably(&room, &format!("{round}.{number}")).await;
        }
        arrives(bob.client(), &room, &format!("{round}.4")).await;
        let place = bob.client().given(None).unwrap();
        for message in bob.client().after(None, place, 3).unwrap() {
            bob.client().mark_given(None, message.place).unwrap();
            given.push(message.text);
        }
        bob.close().await;
        bob.open().await;
        bob.online().await;
    }
    let place = bob.client().given(None).unwrap();
    given.extend(bob.client().after(None, place, 1000).unwrap().into_iter().map(|message| message.text));
    let all: Vec<_> = (0..4).flat_map(|round| (0..5).map(move |n| format!("{round}.{n}"))).collect();
    assert_eq!(given, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_comes_into_the_rooms_of_the_first() {
    let world = World::start().await;
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    let tablet = world.sign_in("alice", "tablet").await;
    assert_eq!(tablet.client().account().user, alice.client().account().user);
    // What is said before the tablet is known is not sealed to it.
    for phone in [&tablet, &bob] {
        until(phone.client(), "the tablet in the room", |client| {
            client.rooms().unwrap().iter().any(|known| known.id == room && known.devices == 3)
        })
        .await;
    }
    bob.says_durably(&room, "to all of alice").await;
    arrives(tablet.client(), &room, "to all of alice").await;
    tablet.says_durably(&room, "from the tablet").await;
    arrives(bob.client(), &room, "from the tablet").await;
    arrives(alice.client(), &room, "from the tablet").await;
    assert_eq!(tablet.client().devices().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_removed_by_another_and_reads_no_further() {
    let world = World::start().await;
    let alice = world.sign_in("alice", "1").await;
    let (bob, carol) = (world.sign_in("bob", "1").await, world.sign_in("carol", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    alice.client().invite(&room, &carol.handle()).await.unwrap();
    // What bob says before he knows of carol is not sealed to her.
    until(bob.client(), "carol", |client| {
        client.room(&room).unwrap().is_some_and(|known| known.devices == 3)
    })
    .await;
    bob.says_durably(&room, "goodbye").await;
    arrives(carol.client(), &room, "goodbye").await;
    bob.client().leave(&room).await.unwrap();
    until(bob.client(), "being out", |client| {
        client.rooms().unwrap().iter().any(|known| known.id == room && known.membership == Membership::Gone)
    })
    .await;
    alice.says_durably(&room, "without bob").await;
    arrives(carol.client(), &room, "without bob").await;
    assert_eq!(alice.client().members(&room).unwrap().len(), 2);
    assert_eq!(bob.texts(&room), ["goodbye"]);
    assert!(bob.client().send(&room, bob.client().message_id(), "x", wickr_base::UnixMillis(0)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_cut_off_and_removed_from_the_rooms() {
    let world = World::start().await;
    let (alice, bob) = (world.sign_in("alice", "1").await, world.sign_in("bob", "1").await);
    let room = alice.client().create_room("ops").await.unwrap();
    alice.client().invite(&room, &bob.handle()).await.unwrap();
    let lost = world.sign_in("bob", "lost").await;
    until(lost.client(), "the room", |client| client.rooms().unwrap().iter().any(|known| known.devices == 3))
        .await;
    bob.client().revoke(lost.client().account().device).await.unwrap();
    until(lost.client(), "the end of its session", |client| {
        matches!(client.connection(), Connection::SignedOut { .. })
    })
    .await;
    until(alice.client(), "the removal", |client| {
        client.rooms().unwrap().iter().any(|known| known.id == room && known.devices == 2)
    })
    .await;
    alice.says_durably(&room, "not for the lost one").await;
    arrives(bob.client(), &room, "not for the lost one").await;
    assert!(!lost.texts(&room).contains(&"not for the lost one".to_owned()));
}
