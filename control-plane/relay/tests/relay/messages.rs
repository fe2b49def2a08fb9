//! Sending: what is taken, what is refused and with which code.

use std::time::Duration;

use bytes::Bytes;
use wickr_base::{MessageId, SystemRng};
use wickr_wire::content::Kind;
use wickr_wire::relay::{SendMessage, client_frame};

use crate::device::{Device, Seen};
use crate::running::Running;

#[tokio::test]
async fn two_devices_exchange_messages_and_each_sees_its_own_as_ids() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let id = MessageId::random(&SystemRng);
    let sealed = alice.sealed(&room, "hello", &Device::outer(id, 0));
    assert_eq!(alice.sequenced(sealed).await.unwrap().seq, 3);
    assert_eq!(bob.send(&room, "hello yourself").await.unwrap().seq, 4);
    let own = Seen::Own(id);
    assert_eq!(alice.take_in_until(&room, 4).await, [own, Seen::Text("hello yourself".to_owned())]);
    let seen = bob.take_in_until(&room, 4).await;
    assert_eq!(seen[0], Seen::Text("hello".to_owned()));
    assert!(matches!(seen[1], Seen::Own(_)));
    relay.stop().await;
}

#[tokio::test]
async fn the_same_message_sent_again_gets_the_same_answer_and_is_delivered_once() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let outer = Device::outer(MessageId::random(&SystemRng), 0);
    let (first, again) = (alice.sealed(&room, "once", &outer), alice.sealed(&room, "once", &outer));
    let requests = [alice.ask_later(first.clone()).await, alice.ask_later(again).await];
    let answers = [alice.answer(requests[0]).await, alice.answer(requests[1]).await];
    assert_eq!(answers[0], answers[1]);
    assert_eq!(alice.ask(first).await, answers[0]);
    bob.send(&room, "next").await.unwrap();
    assert_eq!(bob.take_in_until(&room, 4).await.len(), 2);
    relay.stop().await;
}

#[tokio::test]
async fn a_message_of_an_epoch_long_past_is_refused_and_the_refusal_says_where_the_room_stands() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let messages: Vec<_> =
        (0..2).map(|_| bob.sealed(&room, "old", &Device::outer(MessageId::random(&SystemRng), 0))).collect();
    for seq in 3..5 {
        alice.commit(&room).await.unwrap();
        alice.take_in_until(&room, seq).await;
    }
    bob.sequenced(messages[0].clone()).await.expect("two epochs back is taken");
    alice.commit(&room).await.unwrap();
    let refusal = bob.sequenced(messages[1].clone()).await.unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.epoch, refusal.generation), ("stale-epoch", 4, 0));
    relay.stop().await;
}

#[tokio::test]
async fn after_a_removal_messages_of_every_epoch_before_are_refused() {
    let relay = Running::new().await;
    let (mut alice, mut bob, mut carol) = (relay.person().await, relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob, &mut carol]).await;
    let early = bob.sealed(&room, "too late", &Device::outer(MessageId::random(&SystemRng), 0));
    let carols = carol.sealed(&room, "still here", &Device::outer(MessageId::random(&SystemRng), 0));
    alice.remove(&room, &[carol.uri().clone()]).await.unwrap();
    assert_eq!(bob.sequenced(early).await.unwrap_err().code, "stale-epoch");
    assert_eq!(carol.sequenced(carols).await.unwrap_err().code, "not-a-member");
    relay.stop().await;
}

#[tokio::test]
async fn what_is_not_a_message_for_this_room_is_refused_by_its_own_code() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let (room, other) = (relay.room(&mut [&mut alice, &mut bob]).await, bob.create_room().await);
    let now = relay.world.now();
    let send = |room: &wickr_base::RoomId, message: Bytes| {
        client_frame::Body::SendMessage(SendMessage { room: room.to_string(), generation: 0, message })
    };
    let fresh = || Device::outer(MessageId::random(&SystemRng), 0);
    let client_frame::Body::SendMessage(good) = alice.sealed(&room, "good", &fresh()) else { panic!() };

    let huge = alice.sealed(&room, &"x".repeat(256 * 1024), &fresh());
    let control = wickr_wire::content::Outer { kind: Kind::Control.into(), ..fresh() };
    let control = alice.sealed(&room, &"x".repeat(17 * 1024), &control);
    let past = alice.sealed(&room, "past", &Device::outer(MessageId::random(&SystemRng), now.0));
    let commit = alice.room(&room).path_commit(now).unwrap().commit;
    let wrong_generation = SendMessage { generation: 1, ..good.clone() };
    let cases = [
        (huge, "too-large"),
        (control, "too-large"),
        (past, "expired"),
        (send(&room, Bytes::from_static(b"no message")), "malformed"),
        (send(&room, commit.into()), "malformed"),
        (send(&other, good.message.clone()), "not-a-member"),
        (client_frame::Body::SendMessage(wrong_generation), "malformed"),
    ];
    for (frame, code) in cases {
        assert_eq!(alice.sequenced(frame).await.unwrap_err().code, code);
    }
    let refused = relay.figures();
    assert!(refused.contains("wickr_relay_refusals_total{code=\"too-large\"} 2"), "{refused}");
    relay.stop().await;
}

#[tokio::test]
async fn an_expired_message_comes_as_a_gap_that_says_so() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    bob.acknowledge().await;
    bob.go_offline();
    let end = relay.world.now().plus(Duration::from_mins(1)).0;
    for _ in 0..3 {
        let sealed = alice.sealed(&room, "brief", &Device::outer(MessageId::random(&SystemRng), end));
        alice.sequenced(sealed).await.unwrap();
    }
    alice.send(&room, "lasting").await.unwrap();
    relay.world.pass(Duration::from_mins(1));
    let rooms = bob.come_online(&relay).await;
    assert_eq!((rooms.rooms[0].after, rooms.rooms[0].head), (2, 6));
    let seen = bob.take_in_until(&room, 6).await;
    assert_eq!(seen, [Seen::Expired { through: 5 }, Seen::Text("lasting".to_owned())]);
    relay.stop().await;
}
