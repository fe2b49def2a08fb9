//! Every refusal of the relay, tried by a modified client (`common::raw`): mallory is a member who keeps to no rule.

use crate::raw::{
    CUSTOM, Options, ROOM, Raw, RawGroup, extensions_of, mls_time, signer, signing_identity, take_in,
};
use crate::world::*;
use mls_rs::extension::ExtensionType;
use mls_rs::extension::built_in::ExternalSendersExt;
use mls_rs::group::proposal::CustomProposal;
use mls_rs::psk::{ExternalPskId, PreSharedKey};
use mls_rs::{CipherSuite, Extension, ExtensionList, MlsMessage, ProtocolVersion};
use wickr_base::{Generation, MemberUri};
use wickr_e2ee::*;
use wickr_pki::SigningKey;
use wickr_wire::ProblemCode;

/// What mallory makes of the GroupContext extensions.
type Change = Box<dyn Fn(&mut ExtensionList)>;

/// Alice's room with mallory in it.
struct Scene {
    world: World,
    alice: Device,
    room: Room,
    mallory: Raw,
    group: RawGroup,
    relay: Relay,
}

impl Scene {
    fn new() -> Self {
        Self::with(Raw::new)
    }

    fn with(make: impl FnOnce(&World) -> Raw) -> Self {
        let world = World::new();
        let mut alice = world.device();
        let mallory = make(&world);
        let (mut room, mut relay) = world.room(&mut alice);
        let out = room.add(&[mallory.package().invited()], world.now).unwrap();
        relay.submit(&alice.uri, &out.commit).unwrap();
        room.process(&out.commit, world.now).unwrap();
        let group = mallory.join(&out, &relay);
        Self { world, alice, room, mallory, group, relay }
    }

    /// The relay's answer to mallory's commit.
    fn answer(&self, commit: &MlsMessage) -> Result<Accepted, Refused> {
        self.relay.judge(&self.mallory.uri, &commit.to_bytes().unwrap())
    }

    fn refusal(&self, commit: &MlsMessage) -> Refused {
        let before = self.relay.observer.snapshot().unwrap();
        let refused = self.answer(commit).unwrap_err();
        assert_eq!(self.relay.observer.snapshot().unwrap(), before, "a refusal changes nothing");
        refused
    }

    /// The refusal of a commit that is wrong by a rule: always the same code; the detail says which.
    fn breach(&self, commit: &MlsMessage, says: &str) {
        let refused = self.refusal(commit);
        assert_eq!(refused.code, ProblemCode::CommitRefused, "{refused}");
        assert!(refused.detail.contains(says), "{refused}");
    }

    fn with_extensions(&mut self, change: impl FnOnce(&mut ExtensionList)) -> MlsMessage {
        let mut list = self.group.context().extensions.clone();
        change(&mut list);
        let builder = self.group.commit_builder().commit_time(mls_time(self.world.now));
        builder.set_group_context_ext(list).unwrap().build().unwrap().commit_message
    }

    fn adding(&mut self, package: &[u8]) -> MlsMessage {
        let package = MlsMessage::from_bytes(package).unwrap();
        let builder = self.group.commit_builder().commit_time(mls_time(self.relay.now));
        builder.add_member(package).unwrap().build().unwrap().commit_message
    }
}

#[test]
fn what_mallory_does_by_the_rules_is_taken() {
    let mut scene = Scene::new();
    let bob = scene.world.device().package(scene.world.now);
    let commit = scene.adding(&bob.bytes);
    assert_eq!(scene.answer(&commit).unwrap().added[0].uri, bob.uri);
}

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

#[test]
fn a_path_with_a_bad_new_leaf_is_refused() {
    let mut scene = Scene::new();
    let key = scene.mallory.key.clone();
    let stranger = World::new();
    let other = scene.world.uri();
    let cases = [
        ("another device's URI", scene.world.certificate(&other, &key, DAY), "successor"),
        ("alice's URI", scene.world.certificate(&scene.alice.uri, &key, DAY), "successor"),
        ("an unknown issuer", stranger.certificate(&scene.mallory.uri, &key, DAY), "not accepted"),
        (
            "an expired certificate",
            {
                let before = scene.world.now.minus(DAY * 3);
                scene.world.certificate_until(&scene.mallory.uri, &key, before, before.plus(DAY))
            },
            "not accepted",
        ),
    ];
    for (what, certificate, says) in cases {
        let identity = signing_identity(certificate, &key);
        let builder = scene.group.commit_builder().set_new_signing_identity(signer(&key), identity);
        let commit = builder.build().unwrap().commit_message;
        let refused = scene.refusal(&commit);
        assert_eq!(refused.code, ProblemCode::CommitRefused, "{what}: {refused}");
        assert!(refused.detail.contains(says), "{what}: {refused}");
        scene.group.clear_pending_commit();
    }
}

#[test]
fn a_commit_that_leaves_out_a_pending_removal_is_refused() {
    let mut scene = Scene::new();
    let mut bob = scene.world.device();
    let package = bob.package(scene.world.now);
    let out = scene.room.add(&[package.invited()], scene.world.now).unwrap();
    scene.relay.submit(&scene.alice.uri, &out.commit).unwrap();
    scene.room.process(&out.commit, scene.world.now).unwrap();
    take_in(&mut scene.group, &out.commit, scene.world.now);
    let b = bob.join(&out, &scene.relay);
    let leave = b.propose_leave().unwrap();
    scene.relay.submit_proposal(&bob.uri, &leave).unwrap();
    // Mallory has not seen it, or pretends so.
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message;
    let refused = scene.refusal(&commit);
    assert_eq!(refused.code, ProblemCode::PendingRemoval);
    assert!(refused.detail.contains(&bob.uri.to_string()), "{refused}");
    scene.group.clear_pending_commit();
    // Removing bob by value comes to the same, so that a proposal that members can't take in blocks nobody.
    let commit = scene.group.commit_builder().remove_member(2).unwrap().build().unwrap().commit_message;
    assert_eq!(scene.answer(&commit).unwrap().removed, [bob.uri.clone()]);
    scene.group.clear_pending_commit();
    // And by reference.
    take_in(&mut scene.group, &leave, scene.world.now);
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message;
    assert!(scene.answer(&commit).unwrap().next.pending_removals().is_empty());
}

#[test]
fn who_is_to_be_removed_can_not_commit() {
    let mut scene = Scene::new();
    scene.relay.expel(&scene.mallory.uri.clone());
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message;
    assert_eq!(scene.refusal(&commit).code, ProblemCode::PendingRemoval);
}

#[test]
fn only_a_moderator_changes_the_rules() {
    let mut scene = Scene::new();
    // version 1, kind group, hub, one moderator: mallory.
    let user = scene.mallory.uri.device().unwrap().0;
    let mut rules = vec![1, 2, 10];
    rules.extend_from_slice(b"hq.example");
    rules.extend_from_slice(&[27, 10]);
    rules.extend_from_slice(b"hq.example");
    rules.extend_from_slice(user.as_bytes());
    let commit = scene.with_extensions(|list| list.set(Extension::new(ROOM, rules)));
    scene.breach(&commit, "not a moderator");
}

#[test]
fn kind_and_hub_are_fixed_and_the_rules_readable() {
    for (rules, says) in [
        ([&[1, 3, 10], b"hq.example".as_slice(), &[0]].concat(), "kind"),
        ([&[1, 1, 10], b"hq.example".as_slice(), &[0]].concat(), "kind"),
        ([&[1, 2, 9], b"b.example".as_slice(), &[0]].concat(), "hub"),
        ([&[2, 2, 10], b"hq.example".as_slice(), &[0]].concat(), "version"),
        (Vec::new(), "version"),
    ] {
        let mut scene = Scene::new();
        let commit = scene.with_extensions(|list| list.set(Extension::new(ROOM, rules.clone())));
        scene.breach(&commit, says);
    }
}

#[test]
fn extensions_that_hold_the_room_together_stay() {
    let other = World::new();
    let foreign = SigningKey::generate().unwrap();
    let foreign_hub = other.certificate(&service(&other.domain, "hub"), &foreign, DAY);
    let foreign_senders = ExternalSendersExt::new(vec![signing_identity(foreign_hub, &foreign)]);
    let cases: [(&str, Change); 6] = [
        ("external_senders", Box::new(|list| list.remove(ExtensionType::EXTERNAL_SENDERS))),
        ("hub", Box::new(move |list| list.set_from(foreign_senders.clone()).unwrap())),
        (
            "external_senders",
            Box::new(|list| {
                let mut senders =
                    list.get_as::<ExternalSendersExt>().unwrap().unwrap().allowed_senders().to_vec();
                senders.push(senders[0].clone());
                list.set_from(ExternalSendersExt::new(senders)).unwrap();
            }),
        ),
        ("no room rules", Box::new(|list| list.remove(ROOM))),
        ("required_capabilities", Box::new(|list| list.remove(ExtensionType::REQUIRED_CAPABILITIES))),
        ("xtension", Box::new(|list| list.set(Extension::new(ExtensionType::new(0xF002), vec![1])))),
    ];
    for (says, change) in cases {
        let mut scene = Scene::new();
        let list = &mut scene.group.context().extensions.clone();
        change(list);
        let builder = scene.group.commit_builder().set_group_context_ext(list.clone()).unwrap();
        // Alice's leaf doesn't know 0xF002, so the library refuses to build that one; the rest it builds.
        let Ok(built) = builder.build() else {
            assert_eq!(says, "xtension");
            continue;
        };
        scene.breach(&built.commit_message, says);
    }
}

#[test]
fn reinit_is_refused() {
    let mut scene = Scene::new();
    let builder = scene.group.commit_builder();
    let commit = builder
        .reinit(None, ProtocolVersion::MLS_10, CipherSuite::P256_AES128, ExtensionList::new())
        .unwrap()
        .build()
        .unwrap()
        .commit_message;
    scene.breach(&commit, "reinit");
}

#[test]
fn a_pre_shared_key_is_refused() {
    let world = World::new();
    let mut alice = world.device();
    let (mut room, mut relay) = world.room(&mut alice);
    let mallory = Raw::new(&world);
    let psk = ExternalPskId::new(b"ours".to_vec());
    mallory.client.secret_store().insert(psk.clone(), PreSharedKey::new(vec![1; 32]));
    let out = room.add(&[mallory.package().invited()], world.now).unwrap();
    relay.submit(&alice.uri, &out.commit).unwrap();
    let mut group = mallory.join(&out, &relay);
    let commit = group.commit_builder().add_external_psk(psk).unwrap().build().unwrap().commit_message;
    let refused = relay.judge(&mallory.uri, &commit.to_bytes().unwrap()).unwrap_err();
    assert_eq!(refused.code, ProblemCode::CommitRefused);
    assert!(refused.detail.contains("psk"), "{refused}");
}

#[test]
fn a_custom_proposal_is_refused() {
    let world = World::new();
    let mallory = Raw::new(&world);
    // Alone in a room of its own making, mallory's library builds it.
    let id = world.room_id();
    let list = extensions_of(&world.room(&mut world.device()).0.group_info().unwrap());
    let mut group = mallory
        .client
        .create_group_with_id(
            id.group(Generation(0)).to_bytes(),
            list,
            ExtensionList::new(),
            Some(mls_time(world.now)),
        )
        .unwrap();
    let info = group.group_info_message(false).unwrap().to_bytes().unwrap();
    let tree = group.export_tree().to_bytes().unwrap();
    let observer = world.hub.create(&id, &mallory.uri, &info, &tree, world.now).unwrap();
    let builder = group.commit_builder().custom_proposal(CustomProposal::new(CUSTOM, vec![1]));
    let commit = builder.build().unwrap().commit_message.to_bytes().unwrap();
    let nobody = |_: &MemberUri| false;
    let judgement = Judgement { now: world.now, submitter: &mallory.uri, revoked: &nobody };
    let refused = observer.judge_commit(&commit, &judgement).unwrap_err();
    assert_eq!(refused.code, ProblemCode::CommitRefused);
    assert!(refused.detail.contains("custom"), "{refused}");
}

#[test]
fn an_external_commit_is_refused() {
    let scene = Scene::new();
    let info = scene.group.group_info_message_allowing_ext_commit(true).unwrap();
    let outsider = Raw::new(&scene.world);
    let (_, commit) = outsider.client.commit_external(info).unwrap();
    let commit = commit.to_bytes().unwrap();
    assert_eq!(scene.relay.judge(&outsider.uri, &commit).unwrap_err().code, ProblemCode::NotAMember);
    // A member's connection doesn't help.
    let refused = scene.relay.judge(&scene.mallory.uri, &commit).unwrap_err();
    assert_eq!(refused.code, ProblemCode::CommitRefused);
    assert!(refused.detail.contains("external commits are off"), "{refused}");
}

#[test]
fn a_device_proposes_its_own_removal_and_nothing_else() {
    let mut scene = Scene::new();
    let bob = scene.world.device().package(scene.world.now);
    let package = MlsMessage::from_bytes(&bob.bytes).unwrap();
    let list = scene.group.context().extensions.clone();
    let own = scene.group.current_member_index();
    let leave = scene.group.propose_remove(own, Vec::new()).unwrap();
    let others = [
        scene.group.propose_add(package, Vec::new()).unwrap(),
        scene.group.propose_update(Vec::new()).unwrap(),
        scene.group.propose_group_context_extensions(list, Vec::new()).unwrap(),
        scene.group.propose_remove(0, Vec::new()).unwrap(),
        scene
            .group
            .propose_reinit(
                None,
                ProtocolVersion::MLS_10,
                CipherSuite::P256_AES128,
                ExtensionList::new(),
                Vec::new(),
            )
            .unwrap(),
    ];
    for proposal in others {
        let refused =
            scene.relay.judge_proposal(&scene.mallory.uri, &proposal.to_bytes().unwrap()).unwrap_err();
        assert_eq!(refused.code, ProblemCode::CommitRefused, "{refused}");
    }
    let leave = leave.to_bytes().unwrap();
    let refused = scene.relay.judge_proposal(&scene.alice.uri, &leave).unwrap_err();
    assert_eq!(refused.code, ProblemCode::Forbidden);
    assert_eq!(scene.relay.judge_proposal(&scene.mallory.uri, &leave).unwrap().leaving, scene.mallory.uri);
}

#[test]
fn the_hubs_own_proposals_do_not_come_in_by_a_connection() {
    let scene = Scene::new();
    let (_, proposal) = scene.relay.observer.propose_remove(&scene.alice.uri).unwrap().unwrap();
    let refused = scene.relay.judge_proposal(&scene.mallory.uri, &proposal).unwrap_err();
    assert_eq!(refused.code, ProblemCode::CommitRefused);
}

#[test]
fn a_changed_signature_is_refused_but_tags_only_members_can_check() {
    let mut scene = Scene::new();
    let commit = scene.group.commit(Vec::new()).unwrap().commit_message.to_bytes().unwrap();
    let at = commit.len() - 1;
    let mut altered = commit.clone();
    altered[at] ^= 1;
    // The last bytes are the membership tag: the observer takes it, members don't.
    let accepted = scene.relay.judge(&scene.mallory.uri, &altered).unwrap();
    assert!(scene.room.process(&altered, scene.world.now).is_err());
    scene.room.process(&commit, scene.world.now).unwrap();
    // A member's GroupInfo of the new epoch tells whether it could follow.
    let info = scene.room.group_info().unwrap();
    assert_eq!(accepted.next.check_group_info(&info).unwrap(), scene.alice.uri);
    // Before the tag stand the confirmation tag (33 bytes), after it the signature.
    let mut altered = commit.clone();
    altered[at - 33] ^= 1;
    let accepted = scene.relay.judge(&scene.mallory.uri, &altered).unwrap();
    assert_eq!(accepted.next.check_group_info(&info).unwrap_err().code, ProblemCode::CommitRefused);
    let mut altered = commit;
    altered[at - 80] ^= 1;
    assert!(scene.relay.judge(&scene.mallory.uri, &altered).is_err());
}

#[test]
fn a_welcome_that_is_not_for_those_who_are_added_is_refused() {
    let world = World::new();
    let (mut alice, mut bob, mut carol) = (world.device(), world.device(), world.device());
    let (mut room, relay) = world.room(&mut alice);
    let for_carol = room.add(&[carol.package(world.now).invited()], world.now).unwrap();
    room.drop_pending_commit();
    let for_bob = room.add(&[bob.package(world.now).invited()], world.now).unwrap();
    let accepted = relay.judge(&alice.uri, &for_bob.commit).unwrap();
    for wrong in [None, for_carol.welcome.as_deref(), Some(for_bob.commit.as_slice()), Some(b"".as_slice())] {
        assert!(accepted.route_welcome(wrong).is_err());
    }
    room.drop_pending_commit();
    let path = room.path_commit(world.now).unwrap();
    let accepted = relay.judge(&alice.uri, &path.commit).unwrap();
    assert!(accepted.route_welcome(for_bob.welcome.as_deref()).is_err());
    assert_eq!(accepted.route_welcome(None), Ok(Vec::new()));
}
