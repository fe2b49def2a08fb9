//! Which commits the relay refuses because of who or when or in what form (because of what is in them: `contents`).

use mls_rs::{ExtensionList, MlsMessage};
use wickr_base::{Generation, MemberUri};
use wickr_e2ee::*;
use wickr_pki::SigningKey;
use wickr_wire::ProblemCode;

use crate::raw::{Options, Raw, signer, signing_identity, take_in};
use crate::scene::Scene;
use crate::world::*;

#[test]
fn an_encrypted_handshake_is_refused() {
    let mut scene =
        Scene::with(|world| Raw::with(world, Options { encrypt_handshakes: true, ..Options::default() }));
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message;
    assert_eq!(scene.refusal(&commit).code, ProblemCode::HandshakeEncrypted);
    scene.group.clear_pending_commit();
    let own = scene.group.current_member_index();
    let leave = scene.group.propose_remove(own, Vec::new()).unwrap().to_bytes().unwrap();
    let refused = scene.relay.judge_proposal(&scene.mallory.uri, &leave).unwrap_err();
    assert_eq!(refused.code, ProblemCode::HandshakeEncrypted);
    assert_eq!(ApplicationHeader::parse(&leave).unwrap_err().code, ProblemCode::HandshakeEncrypted);
}

#[test]
fn a_message_is_no_commit_and_a_commit_no_message() {
    let mut scene = Scene::new();
    let message = scene.group.encrypt_application_message(b"x", Vec::new()).unwrap();
    assert_eq!(scene.refusal(&message).code, ProblemCode::HandshakeEncrypted);
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message.to_bytes().unwrap();
    assert_eq!(ApplicationHeader::parse(&commit).unwrap_err().code, ProblemCode::Malformed);
    let refused = scene.relay.judge_proposal(&scene.mallory.uri, &commit).unwrap_err();
    assert_eq!(refused.code, ProblemCode::Malformed);
    let package = scene.mallory.package().bytes;
    assert_eq!(scene.relay.judge(&scene.mallory.uri, &package).unwrap_err().code, ProblemCode::Malformed);
}

#[test]
fn a_commit_of_another_epoch_generation_or_group_is_refused() {
    let mut scene = Scene::new();
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message;
    let out = scene.room.path_commit(scene.world.now).unwrap();
    scene.relay.submit(&scene.alice.uri, &out.commit).unwrap();
    assert_eq!(scene.refusal(&commit).code, ProblemCode::StaleEpoch);
    // The same room's next generation, then another room.
    let id = scene.room.group().room.clone();
    let list = scene.group.context().extensions.clone();
    let other_room = scene.world.room_id();
    for (id, code) in [
        (id.group(Generation(1)), ProblemCode::StaleGeneration),
        (other_room.group(Generation(0)), ProblemCode::CommitRefused),
    ] {
        let mut other = scene
            .mallory
            .client
            .create_group_with_id(id.to_bytes(), list.clone(), ExtensionList::new(), None)
            .unwrap();
        let commit = other.commit(Vec::new()).unwrap().commit_message;
        assert_eq!(scene.refusal(&commit).code, code);
    }
}

#[test]
fn the_committer_must_be_the_device_on_the_connection() {
    let mut scene = Scene::new();
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message.to_bytes().unwrap();
    let answer = |submitter: &MemberUri| scene.relay.judge(submitter, &commit).map(|_| ()).unwrap_err().code;
    assert_eq!(answer(&scene.alice.uri), ProblemCode::Forbidden);
    assert_eq!(answer(&scene.world.uri()), ProblemCode::NotAMember);
}

#[test]
fn a_revoked_device_neither_commits_nor_leaves_nor_is_added() {
    let mut scene = Scene::new();
    let bob = scene.world.device().package(scene.world.now);
    let commit = scene.adding(&bob.bytes);
    scene.relay.revoked.insert(bob.uri.clone());
    scene.breach(&commit, "revoked");
    scene.relay.revoked = [scene.mallory.uri.clone()].into();
    assert_eq!(scene.refusal(&commit).code, ProblemCode::DeviceRevoked);
    let own = scene.group.current_member_index();
    let leave = scene.group.propose_remove(own, Vec::new()).unwrap().to_bytes().unwrap();
    let refused = scene.relay.judge_proposal(&scene.mallory.uri, &leave).unwrap_err();
    assert_eq!(refused.code, ProblemCode::DeviceRevoked);
}

#[test]
fn a_device_of_an_unknown_issuer_is_refused() {
    let mut scene = Scene::new();
    let stranger = World::new();
    let bob = stranger.device().package(stranger.now);
    let commit = scene.adding(&bob.bytes);
    scene.breach(&commit, "not accepted");
}

#[test]
fn an_expired_or_not_yet_valid_device_is_refused() {
    for (from, to) in [(0, 1), (3, 4)] {
        let mut scene = Scene::new();
        let day = |days: u32| scene.world.now.plus(DAY * days);
        let (uri, key) = (scene.world.uri(), SigningKey::generate().unwrap());
        let certificate = scene.world.certificate_until(&uri, &key, day(from), day(to));
        let bob = Raw::of(&scene.world, uri, key, certificate, Options::default());
        scene.relay.now = day(2);
        let commit = scene.adding(&bob.package().bytes);
        scene.breach(&commit, "not accepted");
    }
}

#[test]
fn a_service_is_no_member() {
    let mut scene = Scene::new();
    let (uri, key) = (service(&scene.world.domain, "retention"), SigningKey::generate().unwrap());
    let certificate = scene.world.certificate(&uri, &key, DAY);
    let retention = Raw::of(&scene.world, uri, key, certificate, Options::default());
    let commit = scene.adding(&retention.package().bytes);
    scene.breach(&commit, "not a device");
}

#[test]
fn a_leaf_whose_signature_key_is_not_the_certificates_is_refused() {
    let mut scene = Scene::new();
    let bob = scene.world.device();
    let thief = SigningKey::generate().unwrap();
    let theft = Raw::of(
        &scene.world,
        bob.uri.clone(),
        thief,
        bob.engine.identity().certificate().to_vec(),
        Options::default(),
    );
    let commit = scene.adding(&theft.package().bytes);
    scene.breach(&commit, "signature key");
}

#[test]
fn a_device_without_the_room_extension_is_refused() {
    let mut scene = Scene::new();
    let bob = Raw::with(&scene.world, Options { without_room_extension: true, ..Options::default() });
    let package = MlsMessage::from_bytes(&bob.package().bytes).unwrap();
    // The library of the committer refuses it too; what the relay says is tried at upload.
    assert!(scene.group.commit_builder().add_member(package).unwrap().build().is_err());
    let refused =
        scene.world.network.check_key_package(&bob.package().bytes, &bob.uri, scene.world.now).unwrap_err();
    assert_eq!(refused.code, ProblemCode::KeyPackageRefused);
    assert!(refused.detail.contains("0xF001"), "{refused}");
}

#[test]
fn an_expired_committer_may_only_renew_itself() {
    let mut scene = Scene::new();
    let late = scene.world.now.plus(DAY * 91);
    scene.relay.now = late;
    let (uri, key) = (scene.world.uri(), SigningKey::generate().unwrap());
    let certificate = scene.world.certificate_until(&uri, &key, late, late.plus(DAY));
    let mut bob = Raw::of(&scene.world, uri, key, certificate, Options::default());
    bob.now = late;
    let package = bob.package().bytes;
    // An addition has no path: only the committer's own leaf shows that it has expired.
    let commit = scene.adding(&package);
    scene.breach(&commit, "committer's certificate has expired");
    scene.group.clear_pending_commit();
    // A path with the expired certificate.
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message;
    scene.breach(&commit, "not accepted");
    scene.group.clear_pending_commit();
    // A renewal that brings something else with it.
    let fresh = scene.world.certificate_until(&scene.mallory.uri, &scene.mallory.key, late, late.plus(DAY));
    let fresh = signing_identity(fresh, &scene.mallory.key);
    let signer = signer(&scene.mallory.key);
    let builder = scene.group.commit_builder().set_new_signing_identity(signer.clone(), fresh.clone());
    let commit = builder.remove_member(0).unwrap().build().unwrap().commit_message;
    scene.breach(&commit, "may only renew itself");
    scene.group.clear_pending_commit();
    // The renewal alone.
    let builder = scene.group.commit_builder().set_new_signing_identity(signer, fresh);
    let commit = builder.build().unwrap().commit_message;
    assert!(scene.answer(&commit).unwrap().renewed);
}

#[test]
fn an_expired_renewal_may_carry_out_a_pending_removal() {
    let mut scene = Scene::new();
    let late = scene.world.now.plus(DAY * 91);
    scene.relay.now = late;
    let proposal = scene.relay.expel(&scene.alice.uri.clone());
    take_in(&mut scene.group, &proposal, late);
    let fresh = scene.world.certificate_until(&scene.mallory.uri, &scene.mallory.key, late, late.plus(DAY));
    let fresh = signing_identity(fresh, &scene.mallory.key);
    let builder = scene.group.commit_builder().set_new_signing_identity(signer(&scene.mallory.key), fresh);
    let commit = builder.build().unwrap().commit_message;
    let accepted = scene.answer(&commit).unwrap();
    assert_eq!(accepted.removed, [scene.alice.uri.clone()]);
}
