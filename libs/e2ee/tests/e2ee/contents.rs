//! Which commits and proposals the relay refuses because of what is in them (because of who sends them: `refusals`).

use crate::raw::{CUSTOM, ROOM, Raw, extensions_of, mls_time, signer, signing_identity, take_in};
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

use crate::scene::Scene;

/// What mallory makes of the GroupContext extensions.
type Change = Box<dyn Fn(&mut ExtensionList)>;

#[test]
fn what_mallory_does_by_the_rules_is_taken() {
    let mut scene = Scene::new();
    let bob = scene.world.device().package(scene.world.now);
    let commit = scene.adding(&bob.bytes);
    assert_eq!(scene.answer(&commit).unwrap().added[0].uri, bob.uri);
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
