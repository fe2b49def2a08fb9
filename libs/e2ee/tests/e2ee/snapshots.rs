//! Observers and rooms to bytes and back.

use wickr_e2ee::*;

use crate::world::*;

#[test]
fn an_observer_survives_with_its_pending_removals_and_goes_on() {
    let world = World::new();
    let (mut alice, mut bob, mut carol) = (world.device(), world.device(), world.device());
    let (mut rooms, mut relay) = world.room_of(&mut [&mut alice, &mut bob, &mut carol]);
    let proposal = relay.expel(&carol.uri);
    let (snapshot, tree) = (relay.observer.snapshot().unwrap(), relay.observer.tree().unwrap());
    let restored = world.hub.restore(&snapshot, &tree).unwrap();
    assert_eq!(restored.pending_removals(), [carol.uri.clone()]);
    assert_eq!(restored.group(), relay.observer.group());
    assert_eq!((restored.epoch(), restored.rules()), (1, relay.observer.rules()));
    assert!(restored.roster().eq(relay.observer.roster()));
    assert_eq!(restored.snapshot().unwrap(), snapshot);
    assert_eq!(restored.tree().unwrap(), tree);
    relay.observer = restored;
    rooms[0].process(&proposal, world.now).unwrap();
    let out = rooms[0].path_commit(world.now).unwrap();
    let accepted = relay.submit(&alice.uri, &out.commit).unwrap();
    assert_eq!(accepted.removed, [carol.uri]);
}

#[test]
fn a_snapshot_goes_with_its_own_tree_only() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut rooms, mut relay) = world.room_of(&mut [&mut alice, &mut bob]);
    let (snapshot, tree) = (relay.observer.snapshot().unwrap(), relay.observer.tree().unwrap());
    let out = rooms[0].path_commit(world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    let next = relay.observer.tree().unwrap();
    let damaged = |snapshot: &[u8], tree: &[u8]| {
        assert!(matches!(
            world.hub.restore(snapshot, tree),
            Err(E2eeError::Damaged { .. } | E2eeError::Mls { .. })
        ));
    };
    damaged(&snapshot, &next);
    damaged(&snapshot[..32], &tree);
    damaged(&snapshot[..snapshot.len() - 9], &tree);
    damaged(&[&[9], &snapshot[1..]].concat(), &tree);
    world.hub.restore(&snapshot, &tree).unwrap();
}

#[test]
fn an_observer_can_be_handed_to_another_thread() {
    fn shareable<T: Send + Sync + Clone + 'static>() {}
    fn movable<T: Send + 'static>() {}
    shareable::<Observer>();
    shareable::<Hub>();
    shareable::<Engine>();
    movable::<Room>();
}

#[test]
fn a_room_outlives_a_change_of_the_hubs_certificate_but_takes_no_removals_from_the_new_one() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut rooms, relay) = world.room_of(&mut [&mut alice, &mut bob]);
    rooms[0].save(&mut alice.store).unwrap();
    let renewed =
        wickr_pki::issue_member_service(&world.issuer, &service(&world.domain, "hub"), &world.rng, world.now)
            .unwrap();
    let network = Network { hub_certificate: renewed.certificate.to_vec(), ..world.network.clone() };
    let sender = Identity::new(renewed.certificate.to_vec(), &renewed.key).unwrap();
    let hub = Hub::new(network.clone(), &sender).unwrap();
    let observer = hub.restore(&relay.observer.snapshot().unwrap(), &relay.observer.tree().unwrap()).unwrap();
    let engine = Engine::new(network, alice.engine.identity().clone()).unwrap();
    let mut room = engine.open(rooms[0].group(), &alice.store).unwrap().unwrap();
    let out = room.path_commit(world.now).unwrap();
    let nobody = |_: &_| false;
    let judgement = Judgement { now: world.now, submitter: &alice.uri, revoked: &nobody };
    observer.judge_commit(&out.commit, &judgement).unwrap();
    room.process(&out.commit, world.now).unwrap();
    assert!(matches!(observer.propose_remove(&bob.uri), Err(E2eeError::Mls { .. })));
}
