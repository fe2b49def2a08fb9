//! Commits, proposals, next generations: who wins, what is refused.

use bytes::Bytes;
use wickr_base::{Generation, MessageId, SystemRng};
use wickr_e2ee::Invited;
use wickr_wire::relay::{FetchRoster, NextGeneration, client_frame, relay_frame, reply};

use crate::device::{Device, Seen};
use crate::running::Running;

#[tokio::test]
async fn of_two_commits_for_one_epoch_one_wins_and_the_other_is_told_so() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let (one, other) = tokio::join!(alice.commit(&room), bob.commit(&room));
    assert_ne!(one.is_ok(), other.is_ok());
    let refusal = one.err().or(other.err()).unwrap();
    assert_eq!((refusal.code.as_str(), refusal.epoch), ("stale-epoch", 2));
    alice.take_in_until(&room, 3).await;
    bob.take_in_until(&room, 3).await;
    bob.send(&room, "on we go").await.unwrap();
    assert_eq!(alice.take_in_until(&room, 4).await, [Seen::Text("on we go".to_owned())]);
    relay.stop().await;
}

#[tokio::test]
async fn a_commit_submitted_again_gets_the_same_answer() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let submit = alice.removing(&room, &[bob.uri().clone()]);
    let first = alice.sequenced(client_frame::Body::SubmitCommit(submit.clone())).await;
    let again = alice.sequenced(client_frame::Body::SubmitCommit(submit)).await;
    assert_eq!(first, again);
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::Committed { own: true }]);
    let (id, create) = alice.new_room();
    for _ in 0..2 {
        let created = alice.sequenced(client_frame::Body::CreateRoom(create.clone())).await.unwrap();
        assert_eq!(created.seq, 1, "{id}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_removed_device_gets_the_commit_that_removed_it_and_nothing_after() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    alice.remove(&room, &[bob.uri().clone()]).await.unwrap();
    alice.take_in_until(&room, 3).await;
    alice.send(&room, "alone at last").await.unwrap();
    assert_eq!(bob.take_in_until(&room, 3).await, [Seen::Removed]);
    bob.go_offline();
    let rooms = bob.come_online(&relay).await;
    assert!(rooms.rooms[0].removed);
    assert_eq!(rooms.rooms[0].head, 3);
    bob.caught_up().await;
    assert!(bob.pending.is_empty());
    bob.acknowledge().await;
    // What was acknowledged is written at intervals, and when the relay stops.
    let relay = relay.restart().await;
    assert_eq!(bob.come_online(&relay).await.rooms, []);
    let refused = bob.ask(client_frame::Body::FetchRoster(FetchRoster { room: room.to_string() })).await;
    assert_eq!(refused.unwrap_err().code, "not-a-member");
    relay.stop().await;
}

#[tokio::test]
async fn a_device_that_asks_to_leave_must_be_removed_by_the_next_commit() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let now = relay.world.now();
    let without = alice.room(&room).path_commit(now).unwrap();
    let without = alice.submission(&room, without);
    assert_eq!(bob.leave(&room).await.unwrap().seq, 3);
    let refusal = alice.sequenced(client_frame::Body::SubmitCommit(without)).await.unwrap_err();
    assert_eq!(refusal.code, "pending-removal");
    alice.room(&room).drop_pending_commit();
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::RemovalProposed]);
    alice.commit(&room).await.unwrap();
    bob.take_in_until(&room, 3).await;
    assert_eq!(bob.take_in_until(&room, 4).await, [Seen::Removed]);
    relay.stop().await;
}

#[tokio::test]
async fn a_leave_by_the_only_leaf_ends_the_room() {
    let relay = Running::new().await;
    let mut alice = relay.person().await;
    let room = alice.create_room().await;
    let sealed = alice.sealed(&room, "anybody?", &Device::outer(MessageId::random(&SystemRng), 0));
    assert_eq!(alice.leave(&room).await.unwrap().seq, 2);
    alice.take_in_until(&room, 2).await;
    assert_eq!(alice.sequenced(sealed).await.unwrap_err().code, "not-a-member");
    alice.acknowledge().await;
    let relay = relay.restart().await;
    assert_eq!(alice.come_online(&relay).await.rooms, []);
    relay.stop().await;
}

#[tokio::test]
async fn a_next_generation_takes_over_and_the_second_to_try_is_told_so() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let next = |device: &mut Device, package: (wickr_base::MemberUri, Bytes)| {
        let invited = [Invited { device: package.0, key_package: &package.1 }];
        let group = room.group(Generation(1));
        let rules = device.rules();
        let now = relay.world.now();
        let made = device.engine.next_generation(&group, &rules, &invited, now).unwrap();
        let frame = NextGeneration {
            id: Bytes::copy_from_slice(&MessageId::random(&SystemRng).0),
            room: room.to_string(),
            from: 0,
            group_info: made.group_info.into(),
            tree: made.tree.into(),
            welcomes: made.welcome.into_iter().map(Bytes::from).collect(),
        };
        (made.room, client_frame::Body::NextGeneration(frame))
    };
    let for_bob = alice.claim(&[bob.user()]).await.unwrap().remove(0);
    let for_alice = bob.claim(&[alice.user()]).await.unwrap().remove(0);
    let (fresh, frame) = next(&mut alice, for_bob);
    let (_, late) = next(&mut bob, for_alice);
    assert_eq!(alice.sequenced(frame.clone()).await.unwrap().seq, 3);
    assert_eq!(alice.sequenced(frame).await.unwrap().seq, 3);
    let refusal = bob.sequenced(late).await.unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.generation), ("stale-generation", 1));
    alice.rooms.insert(room.clone(), fresh);
    assert_eq!(alice.take_in_until(&room, 3).await, [Seen::Started]);
    bob.caught_up().await;
    let first = [bob.receive().await.unwrap(), bob.receive().await.unwrap()];
    let in_order = matches!(&first, [relay_frame::Body::Inbox(_), relay_frame::Body::Deliver(_)]);
    assert!(in_order, "the Welcome comes before the entry that it leads to: {first:?}");
    bob.pending.extend(first);
    assert_eq!(bob.take_in_until(&room, 3).await, [Seen::Started]);
    bob.join(&room).await;
    bob.send(&room, "a fresh start").await.unwrap();
    assert_eq!(alice.take_in_until(&room, 4).await, [Seen::Text("a fresh start".to_owned())]);
    let roster = bob.ask(client_frame::Body::FetchRoster(FetchRoster { room: room.to_string() })).await;
    let Ok(reply::Outcome::Roster(roster)) = roster else { panic!("{roster:?}") };
    assert_eq!((roster.generation, roster.members.len()), (1, 2));
    relay.stop().await;
}

#[tokio::test]
async fn handshakes_above_their_bound_and_of_strangers_are_refused() {
    let relay = Running::new().await;
    let (mut alice, mut bob, mut carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let mut submit = alice.removing(&room, &[bob.uri().clone()]);
    let whole = submit.clone();
    submit.commit = Bytes::from(vec![0; 4 * 1024 * 1024 + 1]);
    let code =
        |refused: Result<wickr_wire::relay::Sequenced, wickr_wire::relay::Refusal>| refused.unwrap_err().code;
    assert_eq!(code(alice.sequenced(client_frame::Body::SubmitCommit(submit)).await), "too-large");
    let stolen = client_frame::Body::SubmitCommit(whole.clone());
    assert_eq!(code(carol.sequenced(stolen.clone()).await), "not-a-member");
    assert_eq!(code(bob.sequenced(stolen).await), "forbidden");
    let elsewhere =
        wickr_wire::relay::SubmitCommit { room: "hq.example/nowhere".to_owned(), ..whole.clone() };
    assert_eq!(code(alice.sequenced(client_frame::Body::SubmitCommit(elsewhere)).await), "malformed");
    let nameless = wickr_wire::relay::SubmitCommit { id: Bytes::new(), ..whole.clone() };
    assert_eq!(code(alice.sequenced(client_frame::Body::SubmitCommit(nameless)).await), "malformed");
    let without_info = wickr_wire::relay::SubmitCommit { group_info: Bytes::new(), ..whole.clone() };
    assert_eq!(code(alice.sequenced(client_frame::Body::SubmitCommit(without_info)).await), "malformed");
    let extra = wickr_wire::relay::SubmitCommit { welcomes: vec![Bytes::from_static(b"x")], ..whole.clone() };
    assert_eq!(code(alice.sequenced(client_frame::Body::SubmitCommit(extra)).await), "malformed");
    alice.sequenced(client_frame::Body::SubmitCommit(whole)).await.unwrap();
    relay.stop().await;
}
