//! A network with its keys, devices with their stores, a relay with its log; and a modified client (`raw`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use wickr_base::{DeviceId, Domain, Generation, MemberUri, RoomId, Secret, SeededRng, UnixMillis, UserId};
use wickr_e2ee::*;
use wickr_pki::{KeyMaterial, Purpose, SigningKey, issue_device, issue_member_service, new_issuer, new_root};
use wickr_wire::content::{Kind, Outer};

pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) struct World {
    pub(crate) domain: Domain,
    pub(crate) rng: SeededRng,
    pub(crate) now: UnixMillis,
    pub(crate) issuer: KeyMaterial,
    pub(crate) hub_material: KeyMaterial,
    pub(crate) network: Network,
    pub(crate) hub: Hub,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::at(UnixMillis(1_800_000_000_000))
    }

    pub(crate) fn at(now: UnixMillis) -> Self {
        let domain: Domain = "hq.example".parse().unwrap();
        let rng = SeededRng::new(7);
        let root = new_root(&domain, &rng, now).unwrap();
        let issuer = new_issuer(&root, &domain, Purpose::Device, &rng, now).unwrap();
        let hub_material = issue_member_service(&issuer, &service(&domain, "hub"), &rng, now).unwrap();
        let devices = DeviceIssuers { domain: domain.clone(), anchors: vec![issuer.certificate.clone()] };
        let network = Network {
            domain: domain.clone(),
            suite: Suite::P256,
            hub_certificate: hub_material.certificate.to_vec(),
            devices: Arc::new(devices),
        };
        let sender = Identity::new(hub_material.certificate.to_vec(), &hub_material.key).unwrap();
        let hub = Hub::new(network.clone(), &sender).unwrap();
        Self { domain, rng, now, issuer, hub_material, network, hub }
    }

    pub(crate) fn user(&self) -> UserId {
        UserId::random(&self.rng)
    }

    pub(crate) fn uri_of(&self, user: UserId) -> MemberUri {
        MemberUri::Device { domain: self.domain.clone(), user, device: DeviceId::random(&self.rng) }
    }

    pub(crate) fn uri(&self) -> MemberUri {
        self.uri_of(self.user())
    }

    /// A certificate for `key` that ends `life` from now.
    pub(crate) fn certificate(&self, uri: &MemberUri, key: &SigningKey, life: Duration) -> Vec<u8> {
        self.certificate_until(uri, key, self.now, self.now.plus(life))
    }

    pub(crate) fn certificate_until(
        &self,
        uri: &MemberUri,
        key: &SigningKey,
        from: UnixMillis,
        to: UnixMillis,
    ) -> Vec<u8> {
        issue_device(&self.issuer, uri, key.public().spki(), &self.rng, from, to).unwrap().to_vec()
    }

    pub(crate) fn device(&self) -> Device {
        self.device_of(self.user())
    }

    pub(crate) fn device_of(&self, user: UserId) -> Device {
        let (uri, key) = (self.uri_of(user), SigningKey::generate().unwrap());
        let certificate = self.certificate(&uri, &key, DAY * 90);
        self.device_with(certificate, key)
    }

    pub(crate) fn device_with(&self, certificate: Vec<u8>, key: SigningKey) -> Device {
        let identity = Identity::new(certificate, &key.to_pkcs8().unwrap()).unwrap();
        let engine = Engine::new(self.network.clone(), identity).unwrap();
        Device { uri: engine.uri().clone(), engine, key: Arc::new(key), store: MemoryStore::default() }
    }

    pub(crate) fn room_id(&self) -> RoomId {
        RoomId::random(self.domain.clone(), &self.rng)
    }

    pub(crate) fn rules(&self) -> RoomRules {
        RoomRules::group(self.domain.clone())
    }

    /// A room made by `creator`, as it and the relay have it.
    pub(crate) fn room(&self, creator: &mut Device) -> (Room, Relay) {
        self.room_with(creator, &self.rules())
    }

    pub(crate) fn room_with(&self, creator: &mut Device, rules: &RoomRules) -> (Room, Relay) {
        let id = self.room_id();
        let mut room = creator.engine.create(&id.group(Generation(0)), rules, self.now).unwrap();
        room.save(&mut creator.store).unwrap();
        let (info, tree) = (room.group_info().unwrap(), room.tree().unwrap());
        let observer = self.hub.create(&id, &creator.uri, &info, &tree, self.now).unwrap();
        (room, Relay { observer, now: self.now, revoked: HashSet::new(), log: Vec::new() })
    }

    /// A room with these members, the first of them its creator.
    pub(crate) fn room_of(&self, devices: &mut [&mut Device]) -> (Vec<Room>, Relay) {
        let (first, rest) = devices.split_first_mut().unwrap();
        let (mut room, mut relay) = self.room(first);
        let packages: Vec<_> = rest.iter_mut().map(|device| device.package(self.now)).collect();
        let out = room.add(&packages.iter().map(Package::invited).collect::<Vec<_>>(), self.now).unwrap();
        relay.submit(&first.uri, &out.commit).unwrap();
        room.process(&out.commit, self.now).unwrap();
        let mut rooms = vec![room];
        for device in rest {
            rooms.push(device.join(&out, &relay));
        }
        (rooms, relay)
    }
}

pub(crate) fn service(domain: &Domain, name: &str) -> MemberUri {
    MemberUri::Service { domain: domain.clone(), service: name.to_owned(), replica: "0".to_owned() }
}

pub(crate) struct Device {
    pub(crate) uri: MemberUri,
    pub(crate) engine: Engine,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) store: MemoryStore,
}

pub(crate) struct Package {
    pub(crate) uri: MemberUri,
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    pub(crate) fn invited(&self) -> Invited<'_> {
        Invited { device: self.uri.clone(), key_package: &self.bytes }
    }
}

impl Device {
    pub(crate) fn package(&mut self, now: UnixMillis) -> Package {
        let bytes = self.engine.key_packages(1, now, &mut self.store).unwrap().pop().unwrap();
        Package { uri: self.uri.clone(), bytes }
    }

    pub(crate) fn join(&mut self, out: &CommitOut, relay: &Relay) -> Room {
        let tree = relay.observer.tree().unwrap();
        let mut room = self.engine.join(out.welcome.as_deref().unwrap(), &tree, &self.store).unwrap();
        room.save(&mut self.store).unwrap();
        room
    }

    pub(crate) fn reopen(&self, room: &Room) -> Room {
        self.engine.open(room.group(), &self.store).unwrap().unwrap()
    }
}

/// The relay: the observer in force and the log it let through.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) observer: Observer,
    pub(crate) now: UnixMillis,
    pub(crate) revoked: HashSet<MemberUri>,
    pub(crate) log: Vec<Vec<u8>>,
}

impl Relay {
    pub(crate) fn judge(&self, submitter: &MemberUri, commit: &[u8]) -> Result<Accepted, Refused> {
        let revoked = |uri: &MemberUri| self.revoked.contains(uri);
        self.observer.judge_commit(commit, &Judgement { now: self.now, submitter, revoked: &revoked })
    }

    pub(crate) fn submit(&mut self, submitter: &MemberUri, commit: &[u8]) -> Result<Accepted, Refused> {
        let accepted = self.judge(submitter, commit)?;
        self.observer = accepted.next.clone();
        self.log.push(commit.to_vec());
        Ok(accepted)
    }

    pub(crate) fn judge_proposal(
        &self,
        submitter: &MemberUri,
        proposal: &[u8],
    ) -> Result<AcceptedProposal, Refused> {
        let revoked = |uri: &MemberUri| self.revoked.contains(uri);
        self.observer.judge_proposal(proposal, &Judgement { now: self.now, submitter, revoked: &revoked })
    }

    pub(crate) fn submit_proposal(
        &mut self,
        submitter: &MemberUri,
        proposal: &[u8],
    ) -> Result<AcceptedProposal, Refused> {
        let accepted = self.judge_proposal(submitter, proposal)?;
        self.observer = accepted.next.clone();
        self.log.push(proposal.to_vec());
        Ok(accepted)
    }

    /// Has the hub propose the removal; the proposal is in the log afterwards.
    pub(crate) fn expel(&mut self, member: &MemberUri) -> Vec<u8> {
        let (next, proposal) = self.observer.propose_remove(member).unwrap().unwrap();
        self.observer = next;
        self.log.push(proposal.clone());
        proposal
    }
}

pub(crate) fn outer(id: u8) -> Outer {
    Outer {
        version: 1,
        kind: Kind::Text.into(),
        label: String::new(),
        expires_at_ms: 0,
        message_id: vec![id; 16],
    }
}

/// The text of an opened message and who sent it.
pub(crate) fn opened(event: Event) -> (MemberUri, Vec<u8>, Outer) {
    match event {
        Event::Message { sender, outer, plaintext } => (sender, plaintext.expose().clone(), outer),
        other => panic!("not a message: {other:?}"),
    }
}

pub(crate) fn committed(event: Event) -> Committed {
    match event {
        Event::Committed(committed) => committed,
        other => panic!("not a commit: {other:?}"),
    }
}

/// Sorted URIs of a roster.
pub(crate) fn uris<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<MemberUri> {
    let mut uris: Vec<_> = members.map(|member| member.uri.clone()).collect();
    uris.sort();
    uris
}

pub(crate) fn secret(bytes: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(bytes.to_vec())
}
