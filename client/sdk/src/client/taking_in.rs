//! What the client makes of a room's log: tests of `receive`, `join`, `commit`, `repair` and `catch_up` without a network.

use std::sync::Arc;

use futures::FutureExt;
use wickr_base::{Generation, Incarnation, MessageId, Secret, Seq, SystemRng, UnixMillis};
use wickr_e2ee::{Invited, RoomRules};
use wickr_wire::relay::{Expired, RoomState, entry};

use super::commit::{Outcome, Wanted};
use super::testing::{Log, Net};
use crate::Error;
use crate::content::{self, Body, Written};
use crate::store::{CommitReason, Membership, OwnCommit, Store, UnsentState};

fn written(text: &str) -> Written {
    Written {
        id: MessageId::random(&SystemRng),
        expires: UnixMillis(0),
        sent: UnixMillis(0),
        body: Body::Text(text.to_owned()),
    }
}

#[test]
fn a_message_is_kept_once_however_often_it_is_delivered() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    let seq = alice.says(&log, &room, "hello");
    bob.takes(&log, &room);
    bob.core.take_in(&log.since(&room, 0, &[])).unwrap();
    assert_eq!((bob.texts(), bob.room(&room).cursor), (vec!["hello".to_owned()], Seq(seq)));
    assert_eq!(alice.texts(), ["hello"]);
    assert!(alice.core.store.unsent().unwrap().iter().all(|unsent| unsent.control));
}

#[test]
fn when_a_message_cannot_be_kept_neither_key_nor_cursor_moves() {
    let (net, log) = (Net::new(), Log::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::open(&path, &Secret::new([3; 32]), Arc::new(SystemRng)).unwrap();
    let (alice, bob) = (net.party("alice"), net.party_with("bob", store));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    alice.says(&log, &room, "one");
    alice.says(&log, &room, "two");
    let saboteur = rusqlite::Connection::open(&path).unwrap();
    saboteur
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        .unwrap();
    let before = bob.room(&room);
    assert!(matches!(bob.core.take_in(&log.since(&room, before.cursor.0, &[])), Err(Error::Store(_))));
    assert_eq!(bob.room(&room), before);
    saboteur.execute_batch("DROP TRIGGER full").unwrap();
    // Had the message keys been used up, this would not open.
    bob.takes(&log, &room);
    assert_eq!(bob.texts(), ["one", "two"]);
    assert!(bob.core.store.notices().unwrap().is_empty());
}

#[test]
fn a_hole_in_the_log_is_not_stepped_over_but_an_expired_run_is() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    alice.says(&log, &room, "one");
    alice.says(&log, &room, "two");
    let mut deliver = log.since(&room, bob.room(&room).cursor.0, &[]);
    let first = deliver.entries.remove(0);
    assert!(matches!(bob.core.take_in(&deliver), Err(Error::Gap { .. })));
    assert!(bob.texts().is_empty());
    let mut expired = first.clone();
    expired.body = Some(entry::Body::Expired(Expired { through: first.seq }));
    deliver.entries.insert(0, expired);
    bob.core.take_in(&deliver).unwrap();
    assert_eq!(bob.texts(), ["two"]);
}

#[test]
fn a_sender_who_lies_on_the_envelope_is_dropped_and_reported() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    let content = written("lie").content();
    let mut outer = content::envelope(&content).unwrap();
    outer.expires_at_ms = 5;
    alice.seals_anything(&log, &room, &content, &outer);
    bob.takes(&log, &room);
    assert!(bob.texts().is_empty());
    let notices = bob.core.store.notices().unwrap();
    assert!(notices[0].text.contains("another expiry") && notices[0].text.contains(&alice.uri.to_string()));
    // The room goes on.
    let mut right = outer.clone();
    let content = written("truth").content();
    right.clone_from(&content::envelope(&content).unwrap());
    alice.seals_anything(&log, &room, &content, &right);
    bob.takes(&log, &room);
    assert_eq!(bob.texts(), ["truth"]);
}

#[test]
fn what_was_sealed_before_somebody_joined_is_nothing_to_tell_them() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob, carol) = (net.party("alice"), net.party("bob"), net.party("carol"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    alice.adds(&log, &room, &carol);
    // The relay takes messages of the two epochs before; bob has not heard of carol yet.
    let content = written("not for carol").content();
    bob.seals_anything(&log, &room, &content, &content::envelope(&content).unwrap());
    for party in [&alice, &carol] {
        party.takes(&log, &room);
    }
    assert_eq!(alice.texts(), ["not for carol"]);
    assert!(carol.texts().is_empty());
    assert_eq!(carol.core.store.notices().unwrap(), []);
    // What is for her and can't be read she is told.
    let content = written("for carol").content();
    let mut broken = carol.group(&room);
    let mut message = alice.group(&room).seal(&content, &content::envelope(&content).unwrap()).unwrap();
    assert_eq!(broken.epoch(), alice.group(&room).epoch());
    *message.last_mut().unwrap() ^= 1;
    assert!(broken.process(&message, UnixMillis(0)).is_err());
    log.push(Generation(0), entry::Body::Application(message.into()));
    carol.takes(&log, &room);
    assert_eq!(carol.core.store.notices().unwrap().len(), 1);
}

#[test]
fn who_loses_the_race_of_two_commits_drops_its_own_and_can_make_it_again() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob, carol) = (net.party("alice"), net.party("bob"), net.party("carol"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    let lost = alice.makes(&room, &Wanted::Path);
    let won = bob.makes(&room, &Wanted::Path);
    assert_eq!(lost.epoch, won.epoch);
    log.commit(&won);
    alice.takes(&log, &room);
    bob.takes(&log, &room);
    assert_eq!(alice.core.store.own_commit(&room).unwrap(), None);
    assert!(!alice.group(&room).commit_pending());
    alice.adds(&log, &room, &carol);
    bob.takes(&log, &room);
    assert_eq!(bob.group(&room).epoch(), carol.group(&room).epoch());
}

#[test]
fn whoever_adds_somebody_tells_them_what_the_room_is_called() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    assert_eq!(bob.room(&room).name, None);
    let (unsent, message) = alice.seals();
    assert!(unsent.control);
    let seq = log.push(Generation(0), entry::Body::Application(message.into()));
    alice.core.take_in(&log.since(&room, alice.room(&room).cursor.0, &[(seq, unsent.id)])).unwrap();
    bob.takes(&log, &room);
    assert_eq!(bob.room(&room).name.as_deref(), Some("ops"));
    assert!(alice.core.store.unsent().unwrap().is_empty());
    assert!(alice.texts().is_empty() && bob.texts().is_empty(), "a name is no message");
}

#[test]
fn whoever_is_removed_keeps_the_history_and_can_come_back() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    alice.says(&log, &room, "before");
    bob.takes(&log, &room);
    let id = MessageId::random(&SystemRng);
    bob.core.queue_text(&room, id, "never sent", UnixMillis(0)).unwrap();
    let own = alice.makes(&room, &Wanted::Remove(vec![bob.uri.clone()]));
    log.commit(&own);
    alice.takes(&log, &room);
    bob.takes(&log, &room);
    assert_eq!(bob.room(&room).membership, Membership::Gone);
    assert!(bob.core.open(&bob.room(&room)).unwrap().is_none(), "no key of the group stays");
    assert_eq!(bob.texts(), ["before"]);
    let unsent = bob.core.store.unsent_by_id(id).unwrap().unwrap();
    assert!(matches!(unsent.state, UnsentState::Refused { .. }));
    assert!(matches!(
        bob.core.queue_text(&room, MessageId([1; 16]), "x", UnixMillis(0)),
        Err(Error::NotAMember(_))
    ));
    alice.adds(&log, &room, &bob);
    alice.says(&log, &room, "again");
    bob.takes(&log, &room);
    assert_eq!(bob.texts(), ["before", "again"]);
}

#[test]
fn a_commit_that_does_not_apply_asks_for_a_fresh_group() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    let mut own = alice.makes(&room, &Wanted::Path);
    let end = own.commit.len() - 1;
    own.commit[end] ^= 1;
    log.commit(&own);
    bob.takes(&log, &room);
    let repair = bob.room(&room).repair.unwrap();
    assert_eq!(repair.from, Generation(0));
    assert!(bob.core.agenda.lock().next(bob.core.environment.clock.elapsed()).is_some());
    // The loop that repairs rooms works off the rest too: it would wait for itself.
    let owed = bob.core.commit_now(&room, &Wanted::Path).now_or_never();
    assert_eq!(owed.expect("no wait").unwrap(), Outcome::NotUsable { changed: false });
}

/// Bob makes generation 1 of a room of alice and bob, as after a restore; gives it as the relay would hand it on.
fn next_generation(
    bob: &super::testing::Party,
    alice: &super::testing::Party,
    room: &wickr_base::RoomId,
) -> (OwnCommit, Vec<u8>) {
    let store = &bob.core.store;
    let guest = alice.guest();
    store
        .write(|| {
            let invited = [Invited { device: guest.uri.clone(), key_package: &guest.key_package }];
            let group = room.group(Generation(1));
            let rules = RoomRules::group(room.hub().clone());
            let mut made =
                bob.core.engine().next_generation(&group, &rules, &invited, bob.core.relay_now()).unwrap();
            made.room.save(&mut store.clone()).unwrap();
            let own = OwnCommit {
                id: MessageId([9; 16]),
                room: room.clone(),
                generation: Generation(0),
                epoch: made.room.epoch(),
                commit: Vec::new(),
                welcome: made.welcome,
                group_info: Vec::new(),
                reason: CommitReason::Generation(Generation(1)),
            };
            store.save_own_commit(&own)?;
            Ok::<_, Error>((own, made.tree))
        })
        .unwrap()
}

#[test]
fn after_a_restore_the_room_goes_on_in_a_new_generation_and_lost_messages_go_out_again() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = alice.creates(&log, "ops");
    alice.adds(&log, &room, &bob);
    alice.says(&log, &room, "in the backup");
    bob.takes(&log, &room);
    let head = bob.room(&room).cursor.0;
    // What comes now is lost with the relay's volume; alice sends, bob has received.
    alice.says(&log, &room, "lost");
    bob.takes(&log, &room);
    let incarnation = Incarnation([2; 16]);
    let state = RoomState {
        room: room.to_string(),
        head,
        after: head,
        epoch: 1,
        resynchronise: true,
        ..RoomState::default()
    };
    for party in [&alice, &bob] {
        party.meets(incarnation, state.clone());
        assert!(party.room(&room).repair.is_some() && party.room(&room).cursor == Seq(head));
    }

    let restored = Log::default();
    for _ in 0..head {
        restored.push(Generation(0), entry::Body::Expired(Expired { through: 0 }));
    }
    let (own, tree) = next_generation(&bob, &alice, &room);
    let begin = restored.generation(Generation(1), &own.id.0);
    bob.takes(&restored, &room);
    let mut welcome = own.clone();
    welcome.generation = Generation(1);
    welcome.epoch = own.epoch - 1;
    alice.joins(&welcome, begin, tree);
    alice.takes(&restored, &room);
    for party in [&alice, &bob] {
        let held = party.room(&room);
        assert_eq!((held.generation, held.repair, held.cursor), (Generation(1), None, Seq(begin)));
        assert!(party.core.engine().open(&room.group(Generation(0)), &party.core.store).unwrap().is_none());
    }

    // Both own messages of alice are offered again; the relay would know the first one by its id.
    let again = alice.core.store.unsent().unwrap();
    assert_eq!(again.iter().filter(|unsent| !unsent.control).count(), 2);
    for unsent in again.iter().filter(|unsent| !unsent.control) {
        let super::outbox::Sealed::Ready { message, .. } =
            alice.core.store.write(|| alice.core.seal(unsent)).unwrap()
        else {
            panic!("not sealed")
        };
        let seq = restored.push(Generation(1), entry::Body::Application(message.into()));
        let cursor = alice.room(&room).cursor.0;
        alice.core.take_in(&restored.since(&room, cursor, &[(seq, unsent.id)])).unwrap();
    }
    bob.takes(&restored, &room);
    assert_eq!(bob.texts(), ["in the backup", "lost"], "nothing twice");
    assert!(alice.core.store.unsent().unwrap().iter().all(|unsent| unsent.control));
    let carol = net.party("carol");
    alice.adds(&restored, &room, &carol);
    carol.takes(&restored, &room);
}

#[test]
fn the_old_groups_last_messages_are_read_before_the_next_generation_begins() {
    let (net, log) = (Net::new(), Log::default());
    let (alice, bob) = (net.party("alice"), net.party("bob"));
    let room = bob.creates(&log, "ops");
    bob.adds(&log, &room, &alice);
    bob.says(&log, &room, "last words");
    let (own, tree) = next_generation(&bob, &alice, &room);
    let begin = log.generation(Generation(1), &own.id.0);
    let mut welcome = own.clone();
    welcome.generation = Generation(1);
    welcome.epoch = own.epoch - 1;
    // The Welcome overtakes the log.
    alice.joins(&welcome, begin, tree);
    assert_eq!(alice.room(&room).generation, Generation(0));
    alice.takes(&log, &room);
    assert_eq!(alice.texts(), ["last words"]);
    assert_eq!((alice.room(&room).generation, alice.room(&room).ahead), (Generation(1), Vec::new()));
}
