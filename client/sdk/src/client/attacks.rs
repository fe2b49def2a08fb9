//! What a bad relay with a member of its own, or somebody who has left, would like this device to take for its room.

use std::time::Duration;

use wickr_base::{Generation, Incarnation, MessageId, SystemRng, UnixMillis};
use wickr_wire::relay::{RoomState, entry};

use super::commit::Wanted;
use super::testing::{Log, Net, Party};
use crate::Error;
use crate::sign_in::Device;
use crate::store::Membership;

const NEXT: Generation = Generation(1);

/// Alice and bob in a room, with something said; the relay then says that it was restored to this very moment.
struct Scene {
    net: Net,
    log: Log,
    alice: Party,
    bob: Party,
    room: wickr_base::RoomId,
}

impl Scene {
    fn new() -> Self {
        let (net, log) = (Net::new(), Log::default());
        let (alice, bob) = (net.party("alice"), net.party("bob"));
        let room = alice.creates(&log, "ops");
        alice.adds(&log, &room, &bob);
        alice.says(&log, &room, "secret");
        bob.takes(&log, &room);
        Self { net, log, alice, bob, room }
    }

    fn restored(&self, party: &Party) {
        let head = party.room(&self.room).cursor.0;
        let state = RoomState {
            room: self.room.to_string(),
            head,
            after: head,
            epoch: 1,
            resynchronise: true,
            ..RoomState::default()
        };
        party.meets(Incarnation([2; 16]), state);
    }

    /// The room is as it was, and the person is told who tried.
    fn nothing_came_of_it(&self, maker: &Party) {
        let held = self.alice.room(&self.room);
        assert_eq!((held.generation, held.membership), (Generation(0), Membership::Member));
        assert!(
            self.alice.core.open(&held).unwrap().unwrap().contains(&self.bob.uri),
            "the old group is kept"
        );
        assert_eq!(self.alice.waiting(), [], "nothing is sent again");
        let group = self.alice.core.engine().open(&self.room.group(NEXT), &self.alice.core.store).unwrap();
        assert!(group.is_none());
        let notices = self.alice.notices();
        let told = notices.iter().find(|text| text.contains("was not taken")).expect("a notice");
        let (user, device) = maker.uri.device().unwrap();
        assert!(told.contains(&device.to_string()) && told.contains(&user.to_string()), "{told}");
        let repair = held.repair.expect("it makes the next group itself");
        assert!(repair.from >= held.generation);
    }
}

#[test]
fn a_next_group_made_by_somebody_who_was_not_in_the_room_is_not_taken_and_nothing_is_sent_to_it() {
    let scene = Scene::new();
    let mallory = scene.net.party("mallory");
    scene.restored(&scene.alice);
    let (own, tree) = mallory.makes_generation(&scene.room, NEXT, &[&scene.alice, &scene.bob]);
    let begin = scene.log.generation(NEXT, &own.id.0);
    scene.alice.takes(&scene.log, &scene.room);
    scene.alice.joins(&own, begin, tree);
    scene.nothing_came_of_it(&mallory);
    assert_eq!(scene.alice.room(&scene.room).repair.unwrap().from, NEXT);
    // What is said there is not read for the room's.
    scene.log.push(NEXT, entry::Body::Application(vec![1, 2, 3].into()));
    scene.alice.takes(&scene.log, &scene.room);
    assert_eq!(scene.alice.texts(), ["secret"]);
}

#[test]
fn it_is_not_taken_either_when_its_invitation_comes_before_the_log() {
    let scene = Scene::new();
    let mallory = scene.net.party("mallory");
    scene.restored(&scene.alice);
    let (own, tree) = mallory.makes_generation(&scene.room, NEXT, &[&scene.alice]);
    let begin = scene.log.generation(NEXT, &own.id.0);
    scene.alice.joins(&own, begin, tree);
    scene.alice.takes(&scene.log, &scene.room);
    scene.nothing_came_of_it(&mallory);
}

#[test]
fn a_member_brings_nobody_in_by_a_next_group() {
    let scene = Scene::new();
    let mallory = scene.net.party("mallory");
    scene.restored(&scene.alice);
    let (own, tree) = scene.bob.makes_generation(&scene.room, NEXT, &[&scene.alice, &mallory]);
    let begin = scene.log.generation(NEXT, &own.id.0);
    scene.alice.joins(&own, begin, tree);
    scene.alice.takes(&scene.log, &scene.room);
    let (user, _) = mallory.uri.device().unwrap();
    assert!(
        scene
            .alice
            .notices()
            .iter()
            .any(|text| text.contains("was not taken") && text.contains(&user.to_string()))
    );
    assert_eq!(scene.alice.room(&scene.room).generation, Generation(0));
    assert_eq!(scene.alice.waiting(), []);
}

#[test]
fn another_group_under_the_id_of_the_present_one_does_not_take_its_place() {
    let scene = Scene::new();
    let mallory = scene.net.party("mallory");
    let epoch = scene.alice.group(&scene.room).epoch();
    let (own, tree) = mallory.makes_generation(&scene.room, Generation(0), &[&scene.alice]);
    let begin = scene.alice.room(&scene.room).cursor.0 + 1;
    scene.alice.joins(&own, begin, tree);
    scene.nothing_came_of_it(&mallory);
    let group = scene.alice.group(&scene.room);
    assert!(!group.contains(&mallory.uri) && group.epoch() == epoch);
}

#[test]
fn who_was_removed_after_the_backup_does_not_come_back_by_being_first() {
    let scene = Scene::new();
    let rita = scene.net.party("rita");
    scene.alice.adds(&scene.log, &scene.room, &rita);
    scene.bob.takes(&scene.log, &scene.room);
    let out = scene.alice.makes(&scene.room, &Wanted::Remove(vec![rita.uri.clone()]));
    scene.log.commit(&out);
    for party in [&scene.alice, &scene.bob] {
        party.takes(&scene.log, &scene.room);
        scene.restored(party);
    }
    let (own, tree) = rita.makes_generation(&scene.room, NEXT, &[&scene.alice, &scene.bob]);
    let begin = scene.log.generation(NEXT, &own.id.0);
    scene.alice.joins(&own, begin, tree);
    for party in [&scene.alice, &scene.bob] {
        party.takes(&scene.log, &scene.room);
        assert_eq!(party.room(&scene.room).repair.unwrap().from, NEXT);
    }
    scene.nothing_came_of_it(&rita);
    // Bob's, after hers and without her, is the room's.
    let second = Generation(2);
    let (own, tree) = scene.bob.makes_generation(&scene.room, second, &[&scene.alice]);
    let begin = scene.log.generation(second, &own.id.0);
    scene.alice.joins(&own, begin, tree);
    for party in [&scene.alice, &scene.bob] {
        party.takes(&scene.log, &scene.room);
        let held = party.room(&scene.room);
        assert_eq!((held.generation, held.repair), (second, None));
    }
    assert_eq!(scene.alice.waiting().len(), 1);
}

#[test]
fn what_was_said_before_somebody_came_is_not_sent_again_to_them() {
    let scene = Scene::new();
    let carol = scene.net.party("carol");
    scene.alice.adds(&scene.log, &scene.room, &carol);
    scene.alice.says(&scene.log, &scene.room, "for carol too");
    for party in [&scene.bob, &carol] {
        party.takes(&scene.log, &scene.room);
    }
    scene.restored(&scene.alice);
    let (own, tree) = scene.bob.makes_generation(&scene.room, NEXT, &[&scene.alice, &carol]);
    let begin = scene.log.generation(NEXT, &own.id.0);
    scene.alice.joins(&own, begin, tree);
    scene.alice.takes(&scene.log, &scene.room);
    assert_eq!(scene.alice.room(&scene.room).generation, NEXT);
    let messages = scene.alice.core.store.last_messages(Some(&scene.room), 1).unwrap();
    assert_eq!(scene.alice.waiting(), [messages[0].id], "only what she could read then");
    // Somebody comes before it goes out.
    let dave = scene.net.party("dave");
    scene.alice.adds(&scene.log, &scene.room, &dave);
    let unsent = scene.alice.core.store.unsent_by_id(messages[0].id).unwrap().unwrap();
    let sealed = scene.alice.core.store.write(|| scene.alice.core.seal(&unsent)).unwrap();
    assert!(matches!(sealed, super::outbox::Sealed::Void));
    assert_eq!(scene.alice.waiting(), []);
}

#[tokio::test]
async fn a_relay_that_says_this_device_is_out_can_not_have_it_asked_in_among_strangers() {
    let scene = Scene::new();
    let mallory = scene.net.party("mallory");
    let id = MessageId::random(&SystemRng);
    scene.alice.core.queue_text(&scene.room, id, "for bob", UnixMillis(0)).unwrap();
    let other = RoomState {
        room: scene.net.party("x").creates(&Log::default(), "y").to_string(),
        ..RoomState::default()
    };
    scene.alice.meets(Incarnation([1; 16]), other);
    assert_eq!(scene.alice.room(&scene.room).membership, Membership::Gone);
    assert_eq!(scene.alice.waiting(), [], "what waited for bob waits for nobody");
    let (own, tree) = mallory.makes_generation(&scene.room, NEXT, &[&scene.alice]);
    scene.alice.joins(&own, 50, tree);
    assert_eq!(scene.alice.room(&scene.room).membership, Membership::Gone);
    assert!(scene.alice.notices().iter().any(|text| text.contains("leave the room first")));
    // The person may want just that; then they are told who is new.
    scene.alice.core.leave(&scene.room).await.unwrap();
    let (own, tree) = mallory.makes_generation(&scene.room, Generation(2), &[&scene.alice]);
    scene.alice.joins(&own, 60, tree);
    assert_eq!(scene.alice.room(&scene.room).membership, Membership::Member);
    let (user, _) = mallory.uri.device().unwrap();
    let told = format!("new in it since: user {user}");
    assert!(scene.alice.notices().iter().any(|text| text.contains(&told)));
    assert_eq!(scene.alice.waiting(), []);
}

#[test]
fn an_invitation_that_does_not_open_to_a_room_never_joined_is_told_and_mended_by_nobody_here() {
    let net = Net::new();
    let (alice, mallory) = (net.party("alice"), net.party("mallory"));
    let room = mallory.creates(&Log::default(), "trap");
    let mut own = mallory.makes(&room, &Wanted::Add(vec![alice.guest()]));
    own.welcome = Some(vec![1, 2, 3]);
    alice.joins(&own, 4, mallory.group(&room).tree().unwrap());
    let held = alice.room(&room);
    assert_eq!((held.membership, held.repair), (Membership::Gone, None));
    assert_eq!(alice.core.agenda.lock().next(alice.core.environment.clock.elapsed()), None);
    assert!(alice.notices()[0].contains("can't get into the room"));
    assert!(matches!(
        alice.core.queue_text(&room, MessageId([1; 16]), "x", UnixMillis(0)),
        Err(Error::NotAMember(_))
    ));
    // A right one opens it.
    let log = Log::default();
    let room = mallory.creates(&log, "no trap");
    let state = RoomState { room: room.to_string(), head: 3, ..RoomState::default() };
    alice.core.caught_up(&[state]).unwrap();
    assert_eq!((alice.room(&room).membership, alice.room(&room).repair), (Membership::Gone, None));
    mallory.adds(&log, &room, &alice);
    assert_eq!(alice.room(&room).membership, Membership::Member);
}

#[test]
fn the_notice_of_a_commit_that_does_not_apply_names_in_whose_name_it_is() {
    let scene = Scene::new();
    let mut own = scene.alice.makes(&scene.room, &Wanted::Path);
    let end = own.commit.len() - 1;
    own.commit[end] ^= 1;
    scene.log.commit(&own);
    scene.bob.takes(&scene.log, &scene.room);
    let (_, device) = scene.alice.uri.device().unwrap();
    let notices = scene.bob.notices();
    assert!(
        notices.iter().any(|text| text.contains("fresh group") && text.contains(&device.to_string())),
        "{notices:?}"
    );
}

#[test]
fn a_relay_whose_clock_runs_ahead_has_nothing_deleted_before_its_time() {
    let scene = Scene::new();
    let core = &scene.alice.core;
    let now = core.environment.clock.now();
    let minutes = |count| Duration::from_mins(count);
    for ahead in [now.plus(minutes(50)), UnixMillis(i64::MAX)] {
        core.relay_says_it_is(ahead);
        assert_eq!(core.surely_past(), now.plus(minutes(5)));
    }
    core.relay_says_it_is(now.minus(minutes(50)));
    assert_eq!(core.surely_past(), now.minus(minutes(50)));
}

#[test]
fn another_device_of_a_member_is_told_in_the_room_and_to_the_person_herself() {
    let scene = Scene::new();
    let (user, own) = scene.alice.uri.device().unwrap();
    let rogue = scene.net.party_of("alice", user);
    let (_, device) = rogue.uri.device().unwrap();
    let listed = |id| Device { id, created_at: Some(UnixMillis(0)), signed_in: true, revoked_at: None };
    for _ in 0..2 {
        scene.alice.core.meet_own_devices(&[listed(own), listed(device)]).unwrap();
    }
    let revoke = format!("wickr devices revoke {device}");
    let told: Vec<_> = scene.alice.notices().into_iter().filter(|text| text.contains(&revoke)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("1970-01-01"), "{told:?}");
    scene.alice.adds(&scene.log, &scene.room, &rogue);
    scene.bob.takes(&scene.log, &scene.room);
    let told = scene.bob.core.store.notices().unwrap();
    let told =
        told.iter().find(|notice| notice.text.contains(&device.to_string())).expect("a notice in the room");
    assert_eq!(told.room.as_ref(), Some(&scene.room));
    assert!(told.text.contains(&user.to_string()) && told.text.contains(&own.to_string()), "{}", told.text);
    // By another hand it is told to her too.
    let other = scene.net.party_of("alice", user);
    scene.bob.adds(&scene.log, &scene.room, &other);
    scene.alice.takes(&scene.log, &scene.room);
    let (_, other) = other.uri.device().unwrap();
    let (_, bob) = scene.bob.uri.device().unwrap();
    assert!(scene.alice.notices().iter().any(|text| {
        text.contains(&format!("wickr devices revoke {other}")) && text.contains(&bob.to_string())
    }));
    // Somebody who is new comes with all their devices, and no alarm.
    let carol = scene.net.party("carol");
    scene.bob.adds(&scene.log, &scene.room, &carol);
    let (_, carol) = carol.uri.device().unwrap();
    scene.alice.takes(&scene.log, &scene.room);
    assert!(!scene.alice.notices().iter().any(|text| text.contains(&carol.to_string())));
}
