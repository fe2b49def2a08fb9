//! What the relay refuses the first time it sees something: a new room, a next generation, a key package.

use crate::raw::{Options, ROOM, Raw, extensions_of, mls_time};
use crate::world::*;
use mls_rs::extension::ExtensionType;
use mls_rs::{Extension, ExtensionList};
use wickr_base::{Generation, GroupId, MemberUri};
use wickr_e2ee::*;
use wickr_pki::SigningKey;
use wickr_wire::ProblemCode;

/// What mallory makes of the GroupContext extensions.
type Change = Box<dyn Fn(&mut ExtensionList)>;

/// GroupInfo and tree of a group made by a modified client.
fn made_by(raw: &Raw, id: &GroupId, list: &ExtensionList) -> (Vec<u8>, Vec<u8>) {
    let time = Some(mls_time(raw.now));
    let group =
        raw.client.create_group_with_id(id.to_bytes(), list.clone(), ExtensionList::new(), time).unwrap();
    (group.group_info_message(false).unwrap().to_bytes().unwrap(), group.export_tree().to_bytes().unwrap())
}

#[test]
fn a_room_starts_alone_at_epoch_0_under_its_own_id_and_its_makers_name() {
    let world = World::new();
    let (alice, mut bob) = (world.device(), world.device());
    let id = world.room_id();
    let mut room = alice.engine.create(&id.group(Generation(0)), &world.rules(), world.now).unwrap();
    let (info, tree) = (room.group_info().unwrap(), room.tree().unwrap());
    let create = |id: &_, who: &_, info: &[u8], tree: &[u8]| world.hub.create(id, who, info, tree, world.now);
    create(&id, &alice.uri, &info, &tree).unwrap();
    let refused = |result: Result<Observer, Refused>| result.unwrap_err().code;
    assert_eq!(refused(create(&id, &bob.uri, &info, &tree)), ProblemCode::CommitRefused);
    assert_eq!(refused(create(&world.room_id(), &alice.uri, &info, &tree)), ProblemCode::CommitRefused);
    assert_eq!(refused(create(&id, &alice.uri, &tree, &tree)), ProblemCode::Malformed);
    assert_eq!(refused(create(&id, &alice.uri, &info, b"\0")), ProblemCode::CommitRefused);
    assert_eq!(
        refused(create(&id, &alice.uri, &info, &[tree.as_slice(), b"\0"].concat())),
        ProblemCode::Malformed
    );
    // Another's tree.
    let other = bob.engine.create(&id.group(Generation(0)), &world.rules(), world.now).unwrap();
    assert_eq!(refused(create(&id, &alice.uri, &info, &other.tree().unwrap())), ProblemCode::CommitRefused);
    // Not generation 0.
    let next = alice.engine.create(&id.group(Generation(1)), &world.rules(), world.now).unwrap();
    let (next_info, next_tree) = (next.group_info().unwrap(), next.tree().unwrap());
    assert_eq!(refused(create(&id, &alice.uri, &next_info, &next_tree)), ProblemCode::CommitRefused);
    // Not alone, not epoch 0.
    let package = bob.package(world.now);
    let out = room.add(&[package.invited()], world.now).unwrap();
    room.process(&out.commit, world.now).unwrap();
    let (info, tree) = (room.group_info().unwrap(), room.tree().unwrap());
    assert_eq!(refused(create(&id, &alice.uri, &info, &tree)), ProblemCode::CommitRefused);
    // Alone again, but later.
    let out = room.remove(std::slice::from_ref(&bob.uri), world.now).unwrap();
    room.process(&out.commit, world.now).unwrap();
    let (info, tree) = (room.group_info().unwrap(), room.tree().unwrap());
    assert_eq!(refused(create(&id, &alice.uri, &info, &tree)), ProblemCode::CommitRefused);
}

#[test]
fn a_room_of_another_hub_is_not_ours_to_order() {
    let world = World::new();
    let alice = world.device();
    let elsewhere = wickr_base::RoomId::random("b.example".parse().unwrap(), &world.rng);
    let made = alice.engine.create(&elsewhere.group(Generation(0)), &world.rules(), world.now);
    assert!(matches!(made, Err(E2eeError::Rule { breach: RuleBreach::Hub { .. }, .. })));
    let raw = Raw::new(&world);
    let list = extensions_of(&world.room(&mut world.device()).0.group_info().unwrap());
    let (info, tree) = made_by(&raw, &elsewhere.group(Generation(0)), &list);
    let refused = world.hub.create(&elsewhere, &raw.uri, &info, &tree, world.now).unwrap_err();
    assert_eq!(refused.code, ProblemCode::CommitRefused);
}

#[test]
fn a_room_without_exactly_our_extensions_is_refused() {
    let world = World::new();
    let raw = Raw::new(&world);
    let good = extensions_of(&world.room(&mut world.device()).0.group_info().unwrap());
    let id = world.room_id();
    let direct = [&[1, 1, 10], b"hq.example".as_slice(), &[0]].concat();
    let cases: [(&str, Change); 5] = [
        ("no room rules", Box::new(|list| list.remove(ROOM))),
        ("external_senders", Box::new(|list| list.remove(ExtensionType::EXTERNAL_SENDERS))),
        ("required_capabilities", Box::new(|list| list.remove(ExtensionType::REQUIRED_CAPABILITIES))),
        ("kind Direct", Box::new(move |list| list.set(Extension::new(ROOM, direct.clone())))),
        ("0xf002", Box::new(|list| list.set(Extension::new(ExtensionType::new(0xF002), vec![1])))),
    ];
    for (says, change) in cases {
        let mut list = good.clone();
        change(&mut list);
        let (info, tree) = made_by(&raw, &id.group(Generation(0)), &list);
        let refused = world.hub.create(&id, &raw.uri, &info, &tree, world.now).unwrap_err();
        assert_eq!(refused.code, ProblemCode::CommitRefused);
        assert!(refused.detail.contains(says), "{refused}");
    }
    let (info, tree) = made_by(&raw, &id.group(Generation(0)), &good);
    world.hub.create(&id, &raw.uri, &info, &tree, world.now).unwrap();
}

#[test]
fn only_rooms_of_kind_group_are_made() {
    let world = World::new();
    for kind in [RoomKind::Direct, RoomKind::Moderated] {
        let rules = RoomRules { kind, ..world.rules() };
        let made = world.device().engine.create(&world.room_id().group(Generation(0)), &rules, world.now);
        assert!(
            matches!(made, Err(E2eeError::Rule { breach: RuleBreach::Kind(found), .. }) if found == kind)
        );
    }
}

#[test]
fn another_suite_is_refused() {
    use mls_rs::CipherSuiteProvider;
    use mls_rs::{CipherSuite, CryptoProvider};
    let world = World::new();
    let provider = mls_rs_crypto_awslc::AwsLcCryptoProvider::new();
    let suite = provider.cipher_suite_provider(CipherSuite::CURVE25519_AES128).unwrap();
    let (secret, public) = suite.signature_key_generate().unwrap();
    let certificate = world.certificate(&world.uri(), &SigningKey::generate().unwrap(), DAY);
    let credential = mls_rs_core::identity::CertificateChain::from(vec![certificate]).into_credential();
    let identity = mls_rs_core::identity::SigningIdentity::new(credential, public);
    let client = mls_rs::Client::builder()
        .crypto_provider(provider)
        .identity_provider(crate::raw::Gullible)
        .extension_type(ROOM)
        .signing_identity(identity, secret, CipherSuite::CURVE25519_AES128)
        .build();
    let id = world.room_id();
    let group = client
        .create_group_with_id(
            id.group(Generation(0)).to_bytes(),
            ExtensionList::new(),
            ExtensionList::new(),
            Some(mls_time(world.now)),
        )
        .unwrap();
    let info = group.group_info_message(false).unwrap().to_bytes().unwrap();
    let tree = group.export_tree().to_bytes().unwrap();
    let refused = world.hub.create(&id, &world.uri(), &info, &tree, world.now).unwrap_err();
    assert!(refused.detail.contains("suite"), "{refused}");
    let package = client
        .generate_key_package_message(ExtensionList::new(), ExtensionList::new(), Some(mls_time(world.now)))
        .unwrap();
    let refused = world.network.check_key_package(&package.to_bytes().unwrap(), &world.uri(), world.now);
    assert_eq!(refused.unwrap_err().code, ProblemCode::KeyPackageRefused);
}

#[test]
fn an_expired_device_makes_no_room() {
    let world = World::new();
    let mut alice = world.device();
    let id = world.room_id();
    let room = alice.engine.create(&id.group(Generation(0)), &world.rules(), world.now).unwrap();
    let (info, tree) = (room.group_info().unwrap(), room.tree().unwrap());
    let late = world.now.plus(DAY * 91);
    let refused = world.hub.create(&id, &alice.uri, &info, &tree, late).unwrap_err();
    assert_eq!(refused.code, ProblemCode::CommitRefused);
    let made = alice.engine.key_packages(1, late, &mut alice.store);
    assert!(matches!(made, Err(E2eeError::Certificate { .. })));
}

#[test]
fn a_next_generation_keeps_rules_and_people_and_its_number() {
    let world = World::new();
    let (mut alice, mut bob, mut eve) = (world.device(), world.device(), world.device());
    let mut second = world.device_of(bob.uri.device().unwrap().0);
    let (rooms, relay) = world.room_of(&mut [&mut alice, &mut bob]);
    let room = rooms[0].group().room.clone();
    let moderated = RoomRules {
        moderators: vec![Moderator { domain: world.domain.clone(), user: alice.uri.device().unwrap().0 }],
        ..world.rules()
    };
    let judge = |maker: &MemberUri, made: &NewGeneration, gone: Option<&MemberUri>, now| {
        let revoked = |uri: &MemberUri| Some(uri) == gone;
        let judgement = Judgement { now, submitter: maker, revoked: &revoked };
        world.hub.next_generation(&relay.observer, &made.group_info, &made.tree, &judgement)
    };
    let make = |maker: &Device, generation: u32, rules: &RoomRules, guests: &mut [&mut Device]| {
        let packages: Vec<_> = guests.iter_mut().map(|guest| guest.package(world.now)).collect();
        let invited: Vec<_> = packages.iter().map(Package::invited).collect();
        maker.engine.next_generation(&room.group(Generation(generation)), rules, &invited, world.now).unwrap()
    };
    let code = |result: Result<Observer, Refused>| result.unwrap_err().code;

    let good = make(&alice, 1, &world.rules(), &mut [&mut bob, &mut second]);
    judge(&alice.uri, &good, None, world.now).unwrap();
    // The maker: on the last roster, not revoked, the signer.
    assert_eq!(code(judge(&eve.uri, &good, None, world.now)), ProblemCode::NotAMember);
    assert_eq!(code(judge(&second.uri, &good, None, world.now)), ProblemCode::NotAMember);
    assert_eq!(code(judge(&bob.uri, &good, None, world.now)), ProblemCode::CommitRefused);
    assert_eq!(code(judge(&alice.uri, &good, Some(&alice.uri), world.now)), ProblemCode::DeviceRevoked);
    // Its members: users of the last roster, none revoked, none expired.
    assert_eq!(code(judge(&alice.uri, &good, Some(&second.uri), world.now)), ProblemCode::CommitRefused);
    assert_eq!(code(judge(&alice.uri, &good, None, world.now.plus(DAY * 91))), ProblemCode::CommitRefused);
    let with_eve = make(&alice, 1, &world.rules(), &mut [&mut eve]);
    assert_eq!(code(judge(&alice.uri, &with_eve, None, world.now)), ProblemCode::CommitRefused);
    // Rules and number.
    let changed = make(&alice, 1, &moderated, &mut []);
    assert_eq!(code(judge(&alice.uri, &changed, None, world.now)), ProblemCode::CommitRefused);
    for wrong in [0, 2] {
        let wrong = make(&alice, wrong, &world.rules(), &mut []);
        assert_eq!(code(judge(&alice.uri, &wrong, None, world.now)), ProblemCode::CommitRefused);
    }
    // Whoever is left out is simply not there any more.
    let alone = make(&alice, 1, &world.rules(), &mut []);
    assert_eq!(judge(&alice.uri, &alone, None, world.now).unwrap().roster().len(), 1);
}

#[test]
fn a_key_package_must_be_the_devices_own_and_end_with_its_certificate() {
    let world = World::new();
    let mut alice = world.device();
    let package = alice.package(world.now);
    let check = |bytes: &[u8], owner: &MemberUri, now| world.network.check_key_package(bytes, owner, now);
    check(&package.bytes, &alice.uri, world.now).unwrap();
    let refused = |result: Result<KeyPackageInfo, Refused>, says: &str| {
        let refused = result.unwrap_err();
        assert_eq!(refused.code, ProblemCode::KeyPackageRefused);
        assert!(refused.detail.contains(says), "{refused}");
    };
    refused(check(&package.bytes, &world.uri(), world.now), "not of");
    refused(check(&package.bytes, &alice.uri, world.now.plus(DAY * 91)), "not valid");
    refused(check(&package.bytes[..package.bytes.len() - 1], &alice.uri, world.now), "read");
    refused(check(b"", &alice.uri, world.now), "read");
    // A package that outlives its certificate.
    let (uri, key) = (world.uri(), SigningKey::generate().unwrap());
    let certificate = world.certificate(&uri, &key, DAY * 10);
    let raw = Raw::of(&world, uri, key, certificate, Options::default());
    refused(check(&raw.package().bytes, &raw.uri, world.now), "after its certificate");
    // Of an unknown issuer.
    let stranger = World::new().device().package(world.now);
    refused(check(&stranger.bytes, &stranger.uri, world.now), "not accepted");
}
