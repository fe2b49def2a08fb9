//! What members refuse by themselves, whatever the relay lets through: the relay is not trusted with who is in a room.

use crate::raw::{Raw, extensions_of, mls_time, signing_identity};
use crate::world::*;
use mls_rs::external_client::builder::ExternalClientBuilder;
use mls_rs::{CipherSuite, ExtensionList, MlsMessage, ProtocolVersion};
use mls_rs_crypto_awslc::AwsLcCryptoProvider;
use wickr_base::Generation;
use wickr_e2ee::*;
use wickr_pki::SigningKey;

#[test]
fn from_the_hub_members_take_removals_only() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut rooms, relay) = world.room_of(&mut [&mut alice, &mut bob]);
    // A relay that does more than ours: the same key, without our code.
    let key = SigningKey::from_pkcs8(world.hub_material.key.expose()).unwrap();
    let identity = signing_identity(world.hub_material.certificate.to_vec(), &key);
    let client = ExternalClientBuilder::new()
        .crypto_provider(AwsLcCryptoProvider::new())
        .identity_provider(crate::raw::Gullible)
        .signer(crate::raw::signer(&key), identity)
        .build();
    let info = MlsMessage::from_bytes(&rooms[0].group_info().unwrap()).unwrap();
    let tree = mls_rs::group::ExportedTree::from_bytes(&relay.observer.tree().unwrap()).unwrap();
    let mut hub = client.observe_group(info, Some(tree), None).unwrap();
    let package = MlsMessage::from_bytes(&world.device().package(world.now).bytes).unwrap();
    let list = extensions_of(&rooms[0].group_info().unwrap());
    let proposals = [
        hub.propose_add(package, Vec::new()).unwrap(),
        hub.propose_group_context_extensions(list, Vec::new()).unwrap(),
        hub.propose_reinit(
            None,
            ProtocolVersion::MLS_10,
            CipherSuite::P256_AES128,
            ExtensionList::new(),
            Vec::new(),
        )
        .unwrap(),
        hub.propose_external_psk(mls_rs::psk::ExternalPskId::new(vec![1]), Vec::new()).unwrap(),
    ];
    for proposal in proposals {
        let refused = rooms[0].process(&proposal.to_bytes().unwrap(), world.now);
        assert!(
            matches!(refused, Err(E2eeError::Rule { breach: RuleBreach::Proposer(_), .. })),
            "{refused:?}"
        );
        assert!(!rooms[0].commit_required());
    }
    let removal = hub.propose_remove(1, Vec::new()).unwrap().to_bytes().unwrap();
    assert!(matches!(rooms[0].process(&removal, world.now).unwrap(), Event::RemovalProposed(_)));
}

#[test]
fn a_removal_signed_by_someone_else_than_the_hub_is_refused() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut rooms, relay) = world.room_of(&mut [&mut alice, &mut bob]);
    let (_, mut proposal) = relay.observer.propose_remove(&bob.uri).unwrap().unwrap();
    let last = proposal.len() - 1;
    proposal[last] ^= 1;
    assert!(rooms[0].process(&proposal, world.now).is_err());
    assert!(!rooms[0].commit_required());
}

#[test]
fn a_member_who_breaks_the_rules_is_refused_by_the_others_too() {
    let world = World::new();
    let mut alice = world.device();
    let mallory = Raw::new(&world);
    let (mut room, mut relay) = world.room(&mut alice);
    let out = room.add(&[mallory.package().invited()], world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    room.process(&out.commit, world.now).unwrap();
    let mut group = mallory.join(&out, &relay);
    let mut list = group.context().extensions.clone();
    list.remove(mls_rs::extension::ExtensionType::EXTERNAL_SENDERS);
    let dropped = group.commit_builder().set_group_context_ext(list).unwrap().build().unwrap().commit_message;
    group.clear_pending_commit();
    let stranger = World::new().device().package(world.now);
    let stranger = MlsMessage::from_bytes(&stranger.bytes).unwrap();
    let builder = group.commit_builder().commit_time(mls_time(world.now));
    let added = builder.add_member(stranger).unwrap().build().unwrap().commit_message;
    group.clear_pending_commit();
    let expel = group.propose_remove(0, Vec::new()).unwrap();
    for bad in [dropped, added, expel] {
        let before = room.tree_hash().to_vec();
        let refused = room.process(&bad.to_bytes().unwrap(), world.now);
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!((room.epoch(), room.tree_hash()), (1, before.as_slice()));
        assert!(!room.commit_required());
    }
}

#[test]
fn an_encrypted_handshake_is_refused_by_members() {
    let world = World::new();
    let mut alice = world.device();
    let options = crate::raw::Options { encrypt_handshakes: true, ..Default::default() };
    let mallory = Raw::with(&world, options);
    let (mut room, mut relay) = world.room(&mut alice);
    let out = room.add(&[mallory.package().invited()], world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    room.process(&out.commit, world.now).unwrap();
    let mut group = mallory.join(&out, &relay);
    let commit = group.commit(Vec::new()).unwrap().commit_message.to_bytes().unwrap();
    let refused = room.process(&commit, world.now);
    assert!(matches!(refused, Err(E2eeError::Message { .. })), "{refused:?}");
}

#[test]
fn an_envelope_altered_on_the_way_makes_the_message_unreadable() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut rooms, _) = world.room_of(&mut [&mut alice, &mut bob]);
    let sealed = rooms[0].seal(b"text", &outer(9)).unwrap();
    let id = sealed.windows(16).position(|window| window == [9; 16]).unwrap();
    let mut altered = sealed.clone();
    altered[id] = 8;
    assert_eq!(ApplicationHeader::parse(&altered).unwrap().outer().unwrap().message_id[0], 8);
    assert!(rooms[1].process(&altered, world.now).is_err());
}

#[test]
fn a_key_package_of_someone_else_than_was_meant_is_not_added() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut room, _) = world.room(&mut alice);
    let package = bob.package(world.now);
    let wrong = Invited { device: world.uri(), key_package: &package.bytes };
    assert!(matches!(room.add(&[wrong], world.now), Err(E2eeError::KeyPackage { .. })));
    let garbage = Invited { device: bob.uri.clone(), key_package: b"garbage" };
    assert!(matches!(room.add(&[garbage], world.now), Err(E2eeError::KeyPackage { .. })));
    assert!(!room.commit_pending());
    assert!(matches!(room.remove(&[world.uri()], world.now), Err(E2eeError::NotAMember { .. })));
}

#[test]
fn a_room_with_another_hub_in_it_is_not_joined() {
    let world = World::new();
    let mut alice = world.device();
    let mallory = Raw::new(&world);
    let good = extensions_of(&world.room(&mut world.device()).0.group_info().unwrap());
    let foreign = {
        let other = World::new();
        extensions_of(&other.room(&mut other.device()).0.group_info().unwrap())
    };
    for (list, fits) in [(good, true), (foreign, false)] {
        let id = world.room_id().group(Generation(0));
        let time = Some(mls_time(world.now));
        let mut group =
            mallory.client.create_group_with_id(id.to_bytes(), list, ExtensionList::new(), time).unwrap();
        let package = MlsMessage::from_bytes(&alice.package(world.now).bytes).unwrap();
        let out = group
            .commit_builder()
            .commit_time(mls_time(world.now))
            .add_member(package)
            .unwrap()
            .build()
            .unwrap();
        group.apply_pending_commit().unwrap();
        let welcome = out.welcome_messages[0].to_bytes().unwrap();
        let tree = group.export_tree().to_bytes().unwrap();
        assert_eq!(alice.engine.join(&welcome, &tree, &alice.store).is_ok(), fits);
    }
}

#[test]
fn an_identity_is_a_certificate_with_its_own_key() {
    let world = World::new();
    let (alice, other) = (world.device(), SigningKey::generate().unwrap());
    let certificate = alice.engine.identity().certificate().to_vec();
    let wrong = Identity::new(certificate.clone(), &other.to_pkcs8().unwrap());
    assert!(matches!(wrong, Err(InvalidIdentity::Mismatch(_))));
    assert!(matches!(Identity::new(certificate, &secret(b"no key")), Err(InvalidIdentity::Key)));
    assert!(matches!(
        Identity::new(b"no certificate".to_vec(), &alice.key.to_pkcs8().unwrap()),
        Err(InvalidIdentity::Certificate(_))
    ));
    let bobs = world.certificate(&world.uri(), &alice.key, DAY);
    assert!(matches!(alice.engine.identity().renewed(bobs), Err(InvalidIdentity::Mismatch(_))));
    let other_key = world.certificate(&alice.uri, &other, DAY);
    assert!(matches!(alice.engine.identity().renewed(other_key), Err(InvalidIdentity::Mismatch(_))));
    let hub = Identity::new(world.hub_material.certificate.to_vec(), &world.hub_material.key).unwrap();
    assert!(Engine::new(world.network.clone(), hub).is_err());
    assert!(Hub::new(world.network.clone(), alice.engine.identity()).is_err());
}

#[test]
fn an_old_commit_in_the_log_says_which_epoch_the_room_is_in() {
    let world = World::new();
    let (mut alice, mut bob) = (world.device(), world.device());
    let (mut rooms, mut relay) = world.room_of(&mut [&mut alice, &mut bob]);
    let out = rooms[0].path_commit(world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    rooms[1].process(&out.commit, world.now).unwrap();
    let again = rooms[1].process(&out.commit, world.now);
    assert!(matches!(again, Err(E2eeError::OtherEpoch { epoch: 1, current: 2, .. })));
}
