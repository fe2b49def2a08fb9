//! Damaged input of every kind, everywhere it can come in: refused or taken, never a panic.

use std::sync::OnceLock;

use proptest::prelude::*;
use wickr_base::Generation;
use wickr_e2ee::*;

use crate::world::*;

/// Bytes of each kind, and who takes them.
struct Bytes {
    world: World,
    relay: Relay,
    alice: Device,
    bob: Device,
    carol: Device,
    out: CommitOut,
    path: Vec<u8>,
    leave: Vec<u8>,
    expel: Vec<u8>,
    message: Vec<u8>,
    package: Vec<u8>,
    tree_after: Vec<u8>,
    info: Vec<u8>,
    snapshot: Vec<u8>,
    room: wickr_base::GroupId,
}

fn bytes() -> &'static Bytes {
    static BYTES: OnceLock<Bytes> = OnceLock::new();
    BYTES.get_or_init(|| {
        let world = World::new();
        let (mut alice, mut bob, mut carol) = (world.device(), world.device(), world.device());
        let (mut rooms, relay) = world.room_of(&mut [&mut alice, &mut bob]);
        let package = carol.package(world.now);
        let out = rooms[0].add(&[package.invited()], world.now).unwrap();
        let tree_after = relay.judge(&alice.uri, &out.commit).unwrap().next.tree().unwrap();
        rooms[0].drop_pending_commit();
        let path = rooms[0].path_commit(world.now).unwrap().commit;
        rooms[0].drop_pending_commit();
        let message = rooms[0].seal(b"text", &outer(1)).unwrap();
        let leave = rooms[0].propose_leave().unwrap();
        let expel = relay.observer.propose_remove(&alice.uri).unwrap().unwrap().1;
        let (info, snapshot) = (rooms[0].group_info().unwrap(), relay.observer.snapshot().unwrap());
        let room = rooms[0].group().clone();
        let package = package.bytes;
        Bytes {
            world,
            relay,
            alice,
            bob,
            carol,
            out,
            path,
            leave,
            expel,
            message,
            package,
            tree_after,
            info,
            snapshot,
            room,
        }
    })
}

/// Feeds `input` to everything that reads bytes from outside.
fn feed(input: &[u8]) {
    let bytes = bytes();
    let (world, relay) = (&bytes.world, &bytes.relay);
    let _ = ApplicationHeader::parse(input).map(|header| (header.group(), header.outer()));
    let _ = read_outer(input);
    let _ = welcome_references(input);
    let _ = world.network.check_key_package(input, &bytes.carol.uri, world.now);
    let _ = relay.judge(&bytes.alice.uri, input);
    let _ = relay.judge_proposal(&bytes.alice.uri, input);
    let _ = relay.observer.check_group_info(input);
    let tree = relay.observer.tree().unwrap();
    for (info, tree) in [(input, tree.as_slice()), (bytes.info.as_slice(), input)] {
        let _ = world.hub.create(&bytes.room.room, &bytes.alice.uri, info, tree, world.now);
    }
    let _ = world.hub.restore(input, &tree);
    let _ = world.hub.restore(&bytes.snapshot, input);
    let mut member = bytes.bob.engine.open(&bytes.room, &bytes.bob.store).unwrap().unwrap();
    let _ = member.process(input, world.now);
    let _ = member.add(&[Invited { device: bytes.carol.uri.clone(), key_package: input }], world.now);
    let _ = bytes.carol.engine.join(input, &bytes.tree_after, &bytes.carol.store);
    let _ = bytes.carol.engine.join(bytes.out.welcome.as_deref().unwrap(), input, &bytes.carol.store);
    let _ = Identity::new(input.to_vec(), &secret(input));
}

fn samples() -> Vec<&'static [u8]> {
    let bytes = bytes();
    vec![
        &bytes.out.commit,
        bytes.out.welcome.as_deref().unwrap(),
        &bytes.out.group_info,
        &bytes.path,
        &bytes.leave,
        &bytes.expel,
        &bytes.message,
        &bytes.package,
        &bytes.tree_after,
        &bytes.info,
        &bytes.snapshot,
        bytes.alice.engine.identity().certificate(),
    ]
}

#[test]
fn every_sample_is_good_before_it_is_damaged() {
    let bytes = bytes();
    let (world, relay) = (&bytes.world, &bytes.relay);
    for commit in [&bytes.out.commit, &bytes.path] {
        relay.judge(&bytes.alice.uri, commit).unwrap();
    }
    relay.judge_proposal(&bytes.alice.uri, &bytes.leave).unwrap();
    relay.observer.check_group_info(&bytes.info).unwrap();
    world.network.check_key_package(&bytes.package, &bytes.carol.uri, world.now).unwrap();
    world.hub.restore(&bytes.snapshot, &relay.observer.tree().unwrap()).unwrap();
    for entry in [&bytes.out.commit, &bytes.path, &bytes.leave, &bytes.expel, &bytes.message] {
        let mut member = bytes.bob.engine.open(&bytes.room, &bytes.bob.store).unwrap().unwrap();
        member.process(entry, world.now).unwrap();
    }
    let welcome = bytes.out.welcome.as_deref().unwrap();
    bytes.carol.engine.join(welcome, &bytes.tree_after, &bytes.carol.store).unwrap();
    assert_eq!(bytes.room.generation, Generation(0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_never_panics(
        sample in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4),
    ) {
        let mut input = sample.get(&samples()).to_vec();
        for (at, bit) in flips {
            let at = at.index(input.len());
            input[at] ^= 1 << bit;
        }
        feed(&input);
    }

    #[test]
    fn a_cut_or_lengthened_input_never_panics(
        sample in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let samples = samples();
        let sample = sample.get(&samples);
        feed(&[&sample[..at.index(sample.len())], more.as_slice()].concat());
    }

    #[test]
    fn noise_never_panics(input in prop::collection::vec(any::<u8>(), 0..300)) {
        feed(&input);
    }

    /// Lengths are what parsers trip over: write a wrong one where a vector may start.
    #[test]
    fn a_wrong_length_never_panics(
        sample in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in prop_oneof![Just([0xbf, 0xff, 0xff, 0xff]), Just([0x80, 0, 0x40, 0]), any::<[u8; 4]>()],
    ) {
        let mut input = sample.get(&samples()).to_vec();
        let at = at.index(input.len().saturating_sub(4).max(1));
        let end = (at + 4).min(input.len());
        input[at..end].copy_from_slice(&length[..end - at]);
        feed(&input);
    }
}
