//! openmls on RustCrypto as an independent second implementation: a member with an X.509 credential like any other.

use openmls::prelude::tls_codec::{Deserialize, Serialize};
use openmls::prelude::{
    Capabilities, Ciphersuite, Credential, CredentialType, CredentialWithKey, ExtensionType, KeyPackage,
    LeafNodeParameters, Lifetime, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn,
    MlsMessageOut, OpenMlsProvider, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProcessedMessageContent,
    ProcessedWelcome, ProtocolMessage, RatchetTreeIn, SignatureScheme, StagedWelcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use wickr_base::{Clock, MemberUri, SystemClock};
use wickr_e2ee::*;
use wickr_pki::SigningKey;
use wickr_wire::content::Outer;

use crate::world::*;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMP256_AES128GCM_SHA256_P256;

/// A device that runs the other implementation.
struct Other {
    uri: MemberUri,
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
}

/// What it made of a message.
#[derive(Debug, PartialEq)]
enum Seen {
    Text(Vec<u8>, Vec<u8>),
    Proposal,
    Commit,
}

impl Other {
    fn new(world: &World) -> Self {
        let (uri, key) = (world.uri(), SigningKey::generate().unwrap());
        let certificate = world.certificate(&uri, &key, DAY * 90);
        // RFC 9420 section 5.3: `Certificate certificates<V>`, of which openmls writes the outer length.
        let mut chain = Vec::new();
        assert!((0x40..0x4000).contains(&certificate.len()));
        chain.extend_from_slice(&(0x4000 | u16::try_from(certificate.len()).unwrap()).to_be_bytes());
        chain.extend_from_slice(&certificate);
        let (private, public) = (key.to_mls_scalar().unwrap().expose().to_vec(), key.public_point().to_vec());
        let signer =
            SignatureKeyPair::from_raw(SignatureScheme::ECDSA_SECP256R1_SHA256, private, public.clone());
        let credential = Credential::new(CredentialType::X509, chain);
        let credential = CredentialWithKey { credential, signature_key: public.into() };
        Self { uri, provider: OpenMlsRustCrypto::default(), signer, credential }
    }

    fn package(&self, world: &World) -> Package {
        let seconds = |at: wickr_base::UnixMillis| u64::try_from(at.seconds()).unwrap();
        let capabilities = Capabilities::new(
            None,
            Some(&[SUITE]),
            Some(&[ExtensionType::Unknown(0xF001), ExtensionType::LastResort]),
            None,
            Some(&[CredentialType::X509]),
        );
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(capabilities)
            .key_package_lifetime(Lifetime::init(
                seconds(world.now.minus(DAY / 24)),
                seconds(world.now.plus(DAY * 80)),
            ))
            .build(SUITE, &self.provider, &self.signer, self.credential.clone())
            .unwrap();
        let message = MlsMessageOut::from(bundle.key_package().clone());
        Package { uri: self.uri.clone(), bytes: message.tls_serialize_detached().unwrap() }
    }

    fn join(&self, welcome: &[u8], tree: &[u8]) -> MlsGroup {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .max_past_epochs(2)
            .build();
        let MlsMessageBodyIn::Welcome(welcome) =
            MlsMessageIn::tls_deserialize_exact(welcome).unwrap().extract()
        else {
            panic!("not a Welcome")
        };
        let welcome = ProcessedWelcome::new_from_welcome(&self.provider, &config, welcome).unwrap();
        let staged: StagedWelcome = welcome
            .into_staged_welcome(&self.provider, Some(RatchetTreeIn::tls_deserialize_exact(tree).unwrap()))
            .unwrap();
        staged.into_group(&self.provider).unwrap()
    }

    fn process(&self, group: &mut MlsGroup, message: &[u8]) -> Seen {
        let message: ProtocolMessage =
            MlsMessageIn::tls_deserialize_exact(message).unwrap().try_into_protocol_message().unwrap();
        let processed = group.process_message(&self.provider, message).unwrap();
        let aad = processed.aad().to_vec();
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(text) => Seen::Text(text.into_bytes(), aad),
            ProcessedMessageContent::ProposalMessage(proposal) => {
                group.store_pending_proposal(self.provider.storage(), *proposal).unwrap();
                Seen::Proposal
            }
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                group.merge_staged_commit(&self.provider, *commit).unwrap();
                Seen::Commit
            }
            other => panic!("{other:?}"),
        }
    }

    fn seal(&self, group: &mut MlsGroup, text: &[u8], outer: &Outer) -> Vec<u8> {
        group.set_aad(encode_outer(outer));
        group.create_message(&self.provider, &self.signer, text).unwrap().to_bytes().unwrap()
    }
}

/// Alice (ours) and bob (the other implementation) in one room.
struct Scene {
    world: World,
    alice: Device,
    room: Room,
    relay: Relay,
    bob: Other,
    group: MlsGroup,
}

impl Scene {
    fn new() -> Self {
        // The other implementation asks the system for the time.
        let world = World::at(SystemClock::new().now());
        let mut alice = world.device();
        let bob = Other::new(&world);
        let (mut room, mut relay) = world.room(&mut alice);
        let package = bob.package(&world);
        let info = world.network.check_key_package(&package.bytes, &bob.uri, world.now).unwrap();
        let out = room.add(&[package.invited()], world.now).unwrap();
        let accepted = relay.submit(&alice.uri, &out.commit).unwrap();
        assert_eq!(accepted.added[0].key_package, info.reference);
        accepted.route_welcome(out.welcome.as_deref()).unwrap();
        room.process(&out.commit, world.now).unwrap();
        let group = bob.join(out.welcome.as_deref().unwrap(), &relay.observer.tree().unwrap());
        Self { world, alice, room, relay, bob, group }
    }

    fn agree(&mut self) {
        assert_eq!(self.room.epoch(), self.group.epoch().as_u64());
        assert_eq!(self.room.tree_hash(), self.relay.observer.tree_hash());
        assert_eq!(tree_of(&self.group), self.relay.observer.tree().unwrap());
        let info = self.group.export_group_info(self.bob.provider.crypto(), &self.bob.signer, false).unwrap();
        assert_eq!(self.relay.observer.check_group_info(&info.to_bytes().unwrap()).unwrap(), self.bob.uri);
        let ours = self.room.export("label", b"context", 32).unwrap();
        let theirs = self.group.export_secret(self.bob.provider.crypto(), "label", b"context", 32).unwrap();
        assert_eq!(ours.expose(), &theirs);
        for id in 1..3 {
            let sealed = self.room.seal(b"from ours", &outer(id)).unwrap();
            let seen = self.bob.process(&mut self.group, &sealed);
            assert_eq!(seen, Seen::Text(b"from ours".to_vec(), encode_outer(&outer(id))));
            let sealed = self.bob.seal(&mut self.group, b"from theirs", &outer(id));
            let header = ApplicationHeader::parse(&sealed).unwrap();
            assert_eq!(header.group_id, self.relay.observer.group_id_bytes());
            let event = self.room.process(&sealed, self.world.now).unwrap();
            assert_eq!(opened(event), (self.bob.uri.clone(), b"from theirs".to_vec(), outer(id)));
        }
    }

    fn ours(&mut self, out: &CommitOut) {
        self.relay.submit(&self.alice.uri, &out.commit).unwrap();
        self.room.process(&out.commit, self.world.now).unwrap();
        assert_eq!(self.bob.process(&mut self.group, &out.commit), Seen::Commit);
    }

    fn theirs(&mut self, commit: &MlsMessageOut) {
        let commit = commit.to_bytes().unwrap();
        self.relay.submit(&self.bob.uri, &commit).unwrap();
        self.room.process(&commit, self.world.now).unwrap();
        self.group.merge_pending_commit(&self.bob.provider).unwrap();
    }
}

fn tree_of(group: &MlsGroup) -> Vec<u8> {
    group.export_ratchet_tree().tls_serialize_detached().unwrap()
}

#[test]
fn the_other_implementation_joins_and_messages_go_both_ways() {
    Scene::new().agree();
}

#[test]
fn the_other_implementation_follows_our_commits() {
    let mut scene = Scene::new();
    let out = scene.room.path_commit(scene.world.now).unwrap();
    scene.ours(&out);
    scene.agree();
    let mut carol = scene.world.device();
    let package = carol.package(scene.world.now);
    let out = scene.room.add(&[package.invited()], scene.world.now).unwrap();
    scene.ours(&out);
    let mut third = carol.join(&out, &scene.relay);
    scene.agree();
    let sealed = scene.bob.seal(&mut scene.group, b"to all", &outer(9));
    assert_eq!(opened(third.process(&sealed, scene.world.now).unwrap()).1, b"to all");
    scene.room.process(&sealed, scene.world.now).unwrap();
    // Renewal, and a removal that the hub proposed.
    let later = scene.world.now.plus(DAY / 24);
    let certificate =
        scene.world.certificate_until(&scene.alice.uri, &scene.alice.key, later, later.plus(DAY * 90));
    scene.relay.now = later;
    let identity = scene.alice.engine.identity().renewed(certificate).unwrap();
    let out = scene.room.renew(&identity, later).unwrap();
    scene.relay.submit(&scene.alice.uri, &out.commit).unwrap();
    scene.room.process(&out.commit, later).unwrap();
    assert_eq!(scene.bob.process(&mut scene.group, &out.commit), Seen::Commit);
    scene.agree();
    let expel = scene.relay.expel(&carol.uri);
    scene.room.process(&expel, later).unwrap();
    assert_eq!(scene.bob.process(&mut scene.group, &expel), Seen::Proposal);
    let out = scene.room.path_commit(later).unwrap();
    scene.ours(&out);
    assert!(!scene.room.contains(&carol.uri));
    scene.agree();
}

#[test]
fn relay_and_members_follow_the_other_implementations_commits() {
    let mut scene = Scene::new();
    let update = scene
        .group
        .self_update(&scene.bob.provider, &scene.bob.signer, LeafNodeParameters::default())
        .unwrap()
        .into_commit();
    scene.theirs(&update);
    scene.agree();
    // It adds a device of ours.
    let mut carol = scene.world.device();
    let package = carol.package(scene.world.now);
    let MlsMessageBodyIn::KeyPackage(theirs) =
        MlsMessageIn::tls_deserialize_exact(&package.bytes).unwrap().extract()
    else {
        panic!("not a key package")
    };
    let theirs =
        theirs.validate(scene.bob.provider.crypto(), openmls::prelude::ProtocolVersion::Mls10).unwrap();
    let (commit, welcome, _) =
        scene.group.add_members_without_update(&scene.bob.provider, &scene.bob.signer, &[theirs]).unwrap();
    let accepted = scene.relay.judge(&scene.bob.uri, &commit.to_bytes().unwrap()).unwrap();
    let welcome = welcome.to_bytes().unwrap();
    assert_eq!(accepted.route_welcome(Some(&welcome)).unwrap(), [carol.uri.clone()]);
    scene.theirs(&commit);
    let room = carol.engine.join(&welcome, &scene.relay.observer.tree().unwrap(), &carol.store).unwrap();
    assert_eq!(room.tree().unwrap(), tree_of(&scene.group));
    scene.agree();
    // It carries out a removal that one of ours asked for.
    let leave = room.propose_leave().unwrap();
    scene.relay.submit_proposal(&carol.uri, &leave).unwrap();
    scene.room.process(&leave, scene.world.now).unwrap();
    assert_eq!(scene.bob.process(&mut scene.group, &leave), Seen::Proposal);
    let (commit, _, _) =
        scene.group.commit_to_pending_proposals(&scene.bob.provider, &scene.bob.signer).unwrap();
    scene.theirs(&commit);
    assert!(!scene.room.contains(&carol.uri));
    scene.agree();
    // And leaves.
    let leave = scene.group.leave_group(&scene.bob.provider, &scene.bob.signer).unwrap().to_bytes().unwrap();
    assert_eq!(scene.relay.submit_proposal(&scene.bob.uri, &leave).unwrap().leaving, scene.bob.uri);
    scene.room.process(&leave, scene.world.now).unwrap();
    let out = scene.room.path_commit(scene.world.now).unwrap();
    scene.ours(&out);
    assert!(!scene.group.is_active());
}
