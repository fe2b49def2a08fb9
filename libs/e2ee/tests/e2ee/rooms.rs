//! What members do with rooms when everybody keeps to the rules (what is refused: `refusals`, `member_refusals`).

use crate::world::*;
use wickr_base::{Generation, MemberUri};
use wickr_e2ee::*;

fn pair() -> (World, [Device; 2], [Room; 2], Relay) {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (rooms, relay) = world.room_of(&mut [&mut alice, &mut bob]);
    (world, [alice, bob], rooms.try_into().unwrap(), relay)
}

#[test]
fn two_members_read_each_other_and_the_relay_sees_the_envelope_only() {
    let (world, [alice, bob], [mut a, mut b], relay) = pair();
    for (from, to, who) in [(0_u8, 1_u8, &alice.uri), (1, 0, &bob.uri)] {
        let (sealing, opening) = if from < to { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let sealed = sealing.seal(b"a secret sentence", &outer(from)).unwrap();
        let header = ApplicationHeader::parse(&sealed).unwrap();
        assert_eq!(header.group_id, relay.observer.group_id_bytes());
        assert_eq!((header.epoch, header.outer().unwrap()), (1, outer(from)));
        assert!(!sealed.windows(8).any(|window| window == b"sentence"));
        let (sender, text, seen) = opened(opening.process(&sealed, world.now).unwrap());
        assert_eq!((&sender, text.as_slice(), seen), (who, b"a secret sentence".as_slice(), outer(from)));
        assert!(
            matches!(sealing.process(&sealed, world.now).unwrap(), Event::OwnMessage { outer: seen } if seen == outer(from))
        );
    }
}

#[test]
fn several_devices_join_by_one_commit_and_everyone_has_the_same_room() {
    let world = World::new();
    let mut devices: Vec<Device> = (0..5).map(|_| world.device()).collect();
    let mut all: Vec<&mut Device> = devices.iter_mut().collect();
    let (rooms, relay) = world.room_of(&mut all);
    for room in &rooms {
        assert_eq!(room.epoch(), 1);
        assert_eq!(room.tree_hash(), relay.observer.tree_hash());
        assert_eq!(uris(room.roster()), uris(relay.observer.roster()));
        assert_eq!(room.rules(), relay.observer.rules());
        assert_eq!(
            room.export("x", b"y", 32).unwrap().expose(),
            rooms[0].export("x", b"y", 32).unwrap().expose()
        );
    }
    assert_eq!(uris(rooms[0].roster()).len(), 5);
    assert_ne!(
        rooms[0].export("x", b"y", 32).unwrap().expose(),
        rooms[0].export("x", b"z", 32).unwrap().expose()
    );
}

#[test]
fn the_commit_names_who_joins_and_the_welcome_goes_to_them() {
    let world = World::new();
    let (mut alice, mut bob, mut carol) = (world.device(), world.device(), world.device());
    let (mut room, relay) = world.room(&mut alice);
    let packages = [bob.package(world.now), carol.package(world.now)];
    let out = room.add(&packages.each_ref().map(Package::invited), world.now).unwrap();
    let accepted = relay.judge(&alice.uri, &out.commit).unwrap();
    assert_eq!(accepted.route_welcome(out.welcome.as_deref()).unwrap(), [bob.uri.clone(), carol.uri.clone()]);
    assert_eq!((accepted.epoch, &accepted.committer, out.epoch), (1, &alice.uri, 0));
    assert_eq!(accepted.next.check_group_info(&out.group_info).unwrap(), alice.uri);
    let info = world.network.check_key_package(&packages[0].bytes, &bob.uri, world.now).unwrap();
    assert_eq!(accepted.added[0].key_package, info.reference);
    assert_eq!(welcome_references(out.welcome.as_deref().unwrap()).unwrap()[0], info.reference);
}

#[test]
fn a_commit_counts_when_it_comes_back_and_the_loser_of_a_race_drops_its_own() {
    let (world, [alice, bob], [mut a, mut b], mut relay) = pair();
    let first = a.path_commit(world.now).unwrap();
    let second = b.path_commit(world.now).unwrap();
    assert_eq!((a.epoch(), a.commit_pending()), (1, true));
    relay.submit(&alice.uri, &first.commit).unwrap();
    let late = relay.submit(&bob.uri, &second.commit).unwrap_err();
    assert_eq!(late.code, wickr_wire::ProblemCode::StaleEpoch);
    let own = committed(a.process(&first.commit, world.now).unwrap());
    assert!(own.own && !own.renewed && own.epoch == 2);
    let theirs = committed(b.process(&first.commit, world.now).unwrap());
    assert!(!theirs.own && !b.commit_pending());
    assert_eq!(a.tree_hash(), b.tree_hash());
    let again = b.path_commit(world.now).unwrap();
    relay.submit(&bob.uri, &again.commit).unwrap();
    assert!(committed(b.process(&again.commit, world.now).unwrap()).own);
}

#[test]
fn a_second_commit_waits_until_the_first_is_answered() {
    let (world, _, [mut a, _], _) = pair();
    a.path_commit(world.now).unwrap();
    assert!(matches!(a.path_commit(world.now), Err(E2eeError::CommitPending(_))));
    a.drop_pending_commit();
    a.path_commit(world.now).unwrap();
}

#[test]
fn a_pending_commit_survives_the_loss_of_the_process() {
    let (world, [mut alice, _], [mut a, mut b], mut relay) = pair();
    let out = a.path_commit(world.now).unwrap();
    a.save(&mut alice.store).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    let mut again = alice.reopen(&a);
    drop(a);
    assert!(again.commit_pending());
    assert!(committed(again.process(&out.commit, world.now).unwrap()).own);
    b.process(&out.commit, world.now).unwrap();
    let sealed = again.seal(b"still here", &outer(1)).unwrap();
    assert_eq!(opened(b.process(&sealed, world.now).unwrap()).1, b"still here");
}

#[test]
fn a_room_reopened_from_the_store_goes_on_where_it_was_saved() {
    let (world, [mut alice, mut bob], [mut a, mut b], mut relay) = pair();
    let mut sealed = Vec::new();
    for round in 0..3_u8 {
        sealed.push(a.seal(&[round], &outer(round)).unwrap());
        let out = a.path_commit(world.now).unwrap();
        a.save(&mut alice.store).unwrap();
        relay.submit(&alice.uri, &out.commit).unwrap();
        a = alice.reopen(&a);
        a.process(&out.commit, world.now).unwrap();
        b.process(&out.commit, world.now).unwrap();
        b.save(&mut bob.store).unwrap();
        b = bob.reopen(&b);
    }
    assert_eq!((a.epoch(), a.tree_hash()), (4, relay.observer.tree_hash()));
    // Sealed in epochs 1, 2, 3: the two before the current one can still be opened, the one before them is forgotten.
    assert!(b.process(&sealed[0], world.now).is_err());
    assert_eq!(opened(b.process(&sealed[1], world.now).unwrap()).1, [1]);
    assert_eq!(opened(b.process(&sealed[2], world.now).unwrap()).1, [2]);
    let epochs = bob.store.keys().filter(|key| key.starts_with("epoch/")).count();
    assert_eq!(epochs, 2);
}

#[test]
fn a_message_is_opened_once() {
    let (world, [_, mut bob], [mut a, mut b], _) = pair();
    let sealed = a.seal(b"once", &outer(1)).unwrap();
    b.process(&sealed, world.now).unwrap();
    assert!(b.process(&sealed, world.now).is_err());
    b.save(&mut bob.store).unwrap();
    assert!(bob.reopen(&b).process(&sealed, world.now).is_err());
}

#[test]
fn what_was_not_saved_did_not_happen() {
    let (world, [_, bob], [mut a, mut b], _) = pair();
    let sealed = a.seal(b"again", &outer(1)).unwrap();
    b.process(&sealed, world.now).unwrap();
    // The transaction failed: the room is dropped and opened again.
    let mut b = bob.reopen(&b);
    assert_eq!(opened(b.process(&sealed, world.now).unwrap()).1, b"again");
}

#[test]
fn a_member_leaves_by_proposal_and_the_next_commit_carries_it_out() {
    let (world, [alice, bob], [mut a, mut b], mut relay) = pair();
    let leave = b.propose_leave().unwrap();
    assert!(!b.commit_required(), "asking is not leaving");
    assert_eq!(relay.submit_proposal(&bob.uri, &leave).unwrap().leaving, bob.uri);
    assert_eq!(relay.observer.pending_removals(), std::slice::from_ref(&bob.uri));
    for room in [&mut a, &mut b] {
        let Event::RemovalProposed(removal) = room.process(&leave, world.now).unwrap() else {
            panic!("no removal")
        };
        assert_eq!(removal, RemovalProposed { member: bob.uri.clone(), by_itself: true });
        assert!(matches!(room.seal(b"x", &outer(1)), Err(E2eeError::CommitRequired(_))));
        assert_eq!(room.pending_removals(), std::slice::from_ref(&bob.uri));
    }
    assert!(matches!(b.path_commit(world.now), Err(E2eeError::Leaving(_))));
    let out = a.path_commit(world.now).unwrap();
    let accepted = relay.submit(&alice.uri, &out.commit).unwrap();
    assert_eq!(accepted.removed, std::slice::from_ref(&bob.uri));
    assert_eq!(committed(a.process(&out.commit, world.now).unwrap()).removed, std::slice::from_ref(&bob.uri));
    assert!(
        matches!(b.process(&out.commit, world.now).unwrap(), Event::Removed { committer } if committer == alice.uri)
    );
    assert_eq!(uris(a.roster()), std::slice::from_ref(&alice.uri));
    a.seal(b"alone", &outer(2)).unwrap();
}

#[test]
fn the_hub_has_a_device_removed() {
    let (world, [alice, bob], [mut a, mut b], mut relay) = pair();
    let proposal = relay.expel(&bob.uri);
    assert!(relay.observer.propose_remove(&bob.uri).unwrap().is_none(), "it is pending already");
    assert!(relay.observer.propose_remove(&world.uri()).unwrap().is_none(), "a stranger is not a member");
    let Event::RemovalProposed(removal) = a.process(&proposal, world.now).unwrap() else {
        panic!("no removal")
    };
    assert_eq!(removal, RemovalProposed { member: bob.uri.clone(), by_itself: false });
    b.process(&proposal, world.now).unwrap();
    // Removing them by hand comes to the same.
    let out = a.remove(std::slice::from_ref(&bob.uri), world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    assert_eq!(committed(a.process(&out.commit, world.now).unwrap()).removed, std::slice::from_ref(&bob.uri));
    assert!(matches!(b.process(&out.commit, world.now).unwrap(), Event::Removed { .. }));
    assert!(relay.observer.pending_removals().is_empty());
}

#[test]
fn a_removal_and_an_addition_go_in_one_commit() {
    let (world, [alice, bob], [mut a, b], mut relay) = pair();
    let mut carol = world.device();
    let leave = b.propose_leave().unwrap();
    relay.submit_proposal(&bob.uri, &leave).unwrap();
    a.process(&leave, world.now).unwrap();
    let package = carol.package(world.now);
    let out = a.add(&[package.invited()], world.now).unwrap();
    let accepted = relay.submit(&alice.uri, &out.commit).unwrap();
    assert_eq!((accepted.added.len(), accepted.removed.len()), (1, 1));
    a.process(&out.commit, world.now).unwrap();
    let c = carol.join(&out, &relay);
    let mut expected = [alice.uri.clone(), carol.uri.clone()];
    expected.sort();
    for roster in [uris(a.roster()), uris(c.roster()), uris(relay.observer.roster())] {
        assert_eq!(roster, expected);
    }
}

#[test]
fn a_renewed_certificate_enters_by_a_path_and_older_messages_still_open() {
    let (world, [alice, bob], [mut a, mut b], mut relay) = pair();
    let sealed = a.seal(b"before", &outer(1)).unwrap();
    let later = world.now.plus(DAY * 60);
    relay.now = later;
    let certificate = world.certificate_until(&alice.uri, &alice.key, later, later.plus(DAY * 90));
    let identity = alice.engine.identity().renewed(certificate).unwrap();
    let out = a.renew(&identity, later).unwrap();
    let accepted = relay.submit(&alice.uri, &out.commit).unwrap();
    assert!(accepted.renewed);
    a.process(&out.commit, later).unwrap();
    assert!(committed(b.process(&out.commit, later).unwrap()).renewed);
    assert_eq!(opened(b.process(&sealed, later).unwrap()).1, b"before");
    let end = |mut roster: Box<dyn Iterator<Item = &Member> + '_>| {
        roster.find(|m| m.uri == alice.uri).unwrap().not_after
    };
    assert_eq!(end(Box::new(b.roster())), identity.not_after());
    assert_eq!(end(Box::new(relay.observer.roster())), identity.not_after());
    let sealed = a.seal(b"after", &outer(2)).unwrap();
    assert_eq!(opened(b.process(&sealed, later).unwrap()).1, b"after");
    assert!(matches!(a.renew(bob.engine.identity(), later), Err(E2eeError::Certificate { .. })));
}

#[test]
fn a_moderator_changes_the_moderators() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let moderator =
        |uri: &MemberUri| Moderator { domain: uri.domain().clone(), user: uri.device().unwrap().0 };
    let rules = RoomRules { moderators: vec![moderator(&alice.uri)], ..world.rules() };
    let (mut a, mut relay) = world.room_with(&mut alice, &rules);
    let package = bob.package(world.now);
    let out = a.add(&[package.invited()], world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    a.process(&out.commit, world.now).unwrap();
    let mut b = bob.join(&out, &relay);
    let mut next =
        RoomRules { moderators: vec![moderator(&alice.uri), moderator(&bob.uri)], ..rules.clone() };
    next.moderators.sort();
    assert!(matches!(
        b.change_rules(&next, world.now),
        Err(E2eeError::Rule { breach: RuleBreach::NotAModerator(_), .. })
    ));
    let out = a.change_rules(&next, world.now).unwrap();
    assert!(relay.submit(&alice.uri, &out.commit).unwrap().rules_changed);
    for room in [&mut a, &mut b] {
        assert!(committed(room.process(&out.commit, world.now).unwrap()).rules_changed);
        assert_eq!(room.rules(), &next);
    }
    assert_eq!(relay.observer.rules(), &next);
    let out =
        b.change_rules(&RoomRules { moderators: vec![moderator(&bob.uri)], ..rules }, world.now).unwrap();
    relay.submit(&bob.uri, &out.commit).unwrap();
}

#[test]
fn a_last_resort_package_serves_twice_and_a_one_time_package_once() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let last_resort = bob.engine.last_resort(world.now, &mut bob.store).unwrap();
    let info = world.network.check_key_package(&last_resort, &bob.uri, world.now).unwrap();
    assert!(info.last_resort);
    let package = Package { uri: bob.uri.clone(), bytes: last_resort };
    for _ in 0..2 {
        let (mut a, mut relay) = world.room(&mut alice);
        let out = a.add(&[package.invited()], world.now).unwrap();
        relay.submit(&alice.uri, &out.commit).unwrap();
        bob.join(&out, &relay);
    }
    let package = bob.package(world.now);
    let info = world.network.check_key_package(&package.bytes, &bob.uri, world.now).unwrap();
    assert!(!info.last_resort && info.not_after <= bob.engine.identity().not_after());
    let (mut a, mut relay) = world.room(&mut alice);
    let out = a.add(&[package.invited()], world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    bob.join(&out, &relay);
    let again = bob.engine.join(out.welcome.as_deref().unwrap(), &relay.observer.tree().unwrap(), &bob.store);
    assert!(matches!(again, Err(E2eeError::NotForUs)));
}

#[test]
fn a_joiner_is_not_held_up_by_another_members_expired_certificate() {
    let (world, [alice, bob], [mut a, _], mut relay) = pair();
    let later = world.now.plus(DAY * 91);
    relay.now = later;
    // Alice renews (hers would be expired too); bob's leaf stays, expired.
    let certificate = world.certificate_until(&alice.uri, &alice.key, later, later.plus(DAY * 90));
    let out = a.renew(&alice.engine.identity().renewed(certificate).unwrap(), later).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    a.process(&out.commit, later).unwrap();
    let (uri, key) = (world.uri(), wickr_pki::SigningKey::generate().unwrap());
    let certificate = world.certificate_until(&uri, &key, later, later.plus(DAY * 90));
    let mut carol = world.device_with(certificate, key);
    let package = carol.package(later);
    let out = a.add(&[package.invited()], later).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    let c = carol.join(&out, &relay);
    assert!(c.contains(&bob.uri));
}

#[test]
fn the_next_generation_is_a_fresh_group_for_the_same_people() {
    let (world, [mut alice, mut bob], [a, _], relay) = pair();
    let package = bob.package(world.now);
    let group = a.group().room.group(Generation(1));
    let made = alice.engine.next_generation(&group, a.rules(), &[package.invited()], world.now).unwrap();
    let mut room = made.room;
    room.save(&mut alice.store).unwrap();
    let nobody = |_: &MemberUri| false;
    let judgement = Judgement { now: world.now, submitter: &alice.uri, revoked: &nobody };
    let observer =
        world.hub.next_generation(&relay.observer, &made.group_info, &made.tree, &judgement).unwrap();
    assert_eq!((observer.group(), observer.epoch()), (&group, 1));
    let mut b = bob.engine.join(made.welcome.as_deref().unwrap(), &made.tree, &bob.store).unwrap();
    let sealed = room.seal(b"onwards", &outer(1)).unwrap();
    assert_eq!(opened(b.process(&sealed, world.now).unwrap()).1, b"onwards");
    assert_eq!(uris(b.roster()), uris(relay.observer.roster()));
    a.delete(&mut alice.store).unwrap();
    let left: Vec<_> = alice.store.keys().collect();
    assert!(left.iter().all(|key| key.contains(&group.to_string())), "{left:?}");
}

#[test]
fn a_device_that_is_added_again_before_it_saw_its_removal_joins_anew() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (rooms, mut relay) = world.room_of(&mut [&mut alice, &mut bob]);
    let [mut a, mut b] = <[Room; 2]>::try_from(rooms).unwrap();
    for _ in 0..2 {
        let out = a.path_commit(world.now).unwrap();
        relay.submit(&alice.uri, &out.commit).unwrap();
        a.process(&out.commit, world.now).unwrap();
        b.process(&out.commit, world.now).unwrap();
    }
    b.save(&mut bob.store).unwrap();
    let out = a.remove(std::slice::from_ref(&bob.uri), world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    a.process(&out.commit, world.now).unwrap();
    let package = bob.package(world.now);
    let out = a.add(&[package.invited()], world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    a.process(&out.commit, world.now).unwrap();
    let mut b = bob.join(&out, &relay);
    for _ in 0..3 {
        b = bob.reopen(&b);
        let out = b.path_commit(world.now).unwrap();
        relay.submit(&bob.uri, &out.commit).unwrap();
        a.process(&out.commit, world.now).unwrap();
        b.process(&out.commit, world.now).unwrap();
        b.save(&mut bob.store).unwrap();
    }
    assert_eq!(bob.store.keys().filter(|key| key.starts_with("epoch/")).count(), 2);
    let sealed = a.seal(b"welcome back", &outer(1)).unwrap();
    assert_eq!(opened(b.process(&sealed, world.now).unwrap()).1, b"welcome back");
}

#[test]
fn a_device_whose_clock_is_ahead_of_the_relays_makes_rooms_and_packages_all_the_same() {
    let world = World::new();
    let (alice, mut bob) = (world.device(), world.device());
    let ahead = world.now.plus(std::time::Duration::from_mins(50));
    let id = world.room_id();
    let room = alice.engine.create(&id.group(Generation(0)), &world.rules(), ahead).unwrap();
    let (info, tree) = (room.group_info().unwrap(), room.tree().unwrap());
    world.hub.create(&id, &alice.uri, &info, &tree, world.now).unwrap();
    let package = bob.package(ahead);
    world.network.check_key_package(&package.bytes, &bob.uri, world.now).unwrap();
}
