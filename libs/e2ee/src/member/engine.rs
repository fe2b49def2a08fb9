//! A device as MLS client: makes rooms and key packages, joins and opens rooms. What a room can do: `room`.

use std::sync::Arc;
use std::time::Duration;

use mls_rs::client_builder::{
    BaseConfig, WithCryptoProvider, WithGroupStateStorage, WithIdentityProvider, WithKeyPackageRepo,
    WithMlsRules,
};
use mls_rs::extension::ExtensionType;
use mls_rs::extension::MlsExtension;
use mls_rs::extension::recommended::LastResortKeyPackageExt;
use mls_rs::group::ExportedTree;
use mls_rs::{Client, ExtensionList, Group, MlsMessage};
use mls_rs_codec::{MlsDecode, MlsEncode};
use mls_rs_core::key_package::KeyPackageData;
use mls_rs_crypto_awslc::AwsLcCryptoProvider;
use wickr_base::{GroupId, MemberUri, UnixMillis};

use super::buffer::Buffer;
use super::room::Room;
use super::state;
use super::store::{Record, Store};
use crate::credential::Credentials;
use crate::extensions::{self, ROOM};
use crate::group_rules::GroupRules;
use crate::time::mls_time;
use crate::{E2eeError, Identity, KeyPackageRef, Network, RoomRules, welcome_references};

/// The library's configuration of a member, spelled out because `Group` carries it in its type.
pub(crate) type Config = WithMlsRules<
    GroupRules,
    WithIdentityProvider<
        Credentials,
        WithCryptoProvider<
            AwsLcCryptoProvider,
            WithGroupStateStorage<Buffer, WithKeyPackageRepo<Buffer, BaseConfig>>,
        >,
    >,
>;

/// This device, in one network. Holds no room: rooms are opened, used and dropped as the caller likes.
#[derive(Clone, Debug)]
pub struct Engine {
    network: Arc<Network>,
    identity: Identity,
}

/// A room just joined.
#[derive(Debug)]
pub struct Joined {
    /// The room. Nothing of it is saved yet.
    pub room: Room,
    /// Who signed its GroupInfo: the committer that added this device, or the maker of the generation (RFC 9420
    /// section 12.4.3.1).
    pub by: MemberUri,
}

impl Engine {
    /// The device of `identity` in `network`. After a renewal of the certificate make a new one.
    pub fn new(network: Network, identity: Identity) -> Result<Self, E2eeError> {
        if identity.uri().device().is_none() || identity.uri().domain() != &network.domain {
            let uri = identity.uri().clone();
            return Err(E2eeError::Certificate { uri, why: "is not a device of this network" });
        }
        Ok(Self { network: Arc::new(network), identity })
    }

    /// The device.
    pub fn uri(&self) -> &MemberUri {
        self.identity.uri()
    }

    /// The identity it was made with.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The network it was made with.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A new group of one member at epoch 0 (RFC 9420 section 11). Save it, then give the relay `group_info` and `tree`.
    ///
    /// The hub stands in external_senders, rules in extension 0xF001, both required of every leaf.
    pub fn create(&self, group: &GroupId, rules: &RoomRules, now: UnixMillis) -> Result<Room, E2eeError> {
        let step = "making a group";
        if group.room.hub() != &self.network.domain {
            let breach = crate::RuleBreach::Hub {
                named: group.room.hub().clone(),
                expected: self.network.domain.clone(),
            };
            return Err(E2eeError::Rule { step, breach });
        }
        let extensions = extensions::for_room(rules, &self.network).map_err(E2eeError::rule(step))?;
        let buffer = Buffer::default();
        let from = self.valid_from(now);
        let made = self
            .client(&buffer, from)
            .create_group_with_id(group.to_bytes(), extensions, ExtensionList::new(), Some(mls_time(from)))
            .map_err(E2eeError::mls(step))?;
        Room::new(group.clone(), made, buffer, Arc::clone(&self.network), rules.clone(), None)
    }

    /// `count` one-time key packages (RFC 9420 section 10), each ending with the certificate. Their private halves are
    /// saved; the returned MLSMessages go to the relay once the transaction is durable.
    pub fn key_packages<S: Store>(
        &self,
        count: usize,
        now: UnixMillis,
        store: &mut S,
    ) -> Result<Vec<Vec<u8>>, E2eeError> {
        self.make_key_packages(count, &ExtensionList::new(), now, store)
    }

    /// The key package that the relay gives out when no one-time one is left (draft-ietf-mls-extensions, last_resort).
    /// Its private half stays after use; replace it now and then.
    pub fn last_resort<S: Store>(&self, now: UnixMillis, store: &mut S) -> Result<Vec<u8>, E2eeError> {
        let step = "making the last-resort key package";
        let mark = LastResortKeyPackageExt.into_extension();
        let mark = mark.map_err(|error| E2eeError::mls(step)(error.into()))?;
        let mut made = self.make_key_packages(1, &ExtensionList::from(vec![mark]), now, store)?;
        made.pop().ok_or_else(|| E2eeError::Damaged { what: "the key package just made".to_owned() })
    }

    /// Forgets a key package that was never used and won't be (its end has come, or the relay lost it).
    pub fn forget_key_package<S: Store>(
        &self,
        reference: &KeyPackageRef,
        store: &mut S,
    ) -> Result<(), E2eeError> {
        store.delete(&Record::KeyPackage(reference)).map_err(E2eeError::store("forgetting a key package"))
    }

    /// Joins by a Welcome and the tree of its epoch (RFC 9420 section 12.4.3.1).
    ///
    /// Judged: signatures, tree and parent hashes, every leaf's chain, the confirmation tag, the room's rules and its
    /// external sender. Not judged: whether certificates and key packages are still valid now, so that one member's
    /// expired certificate can't block everyone who joins. A one-time key package is used up with `Room::save`.
    ///
    /// A device that was in the group before (removed and added again) joins anew: what is stored of the first time is
    /// replaced.
    pub fn join<S: Store>(&self, welcome: &[u8], tree: &[u8], store: &S) -> Result<Room, E2eeError> {
        self.accept(welcome, tree, store).map(|joined| joined.room)
    }

    /// The same, and whose Welcome it was. Anybody who has this device's key package can make a group of any id:
    /// whether these are the people whom one expects there is the caller's to judge.
    pub fn accept<S: Store>(&self, welcome: &[u8], tree: &[u8], store: &S) -> Result<Joined, E2eeError> {
        let step = "joining a group";
        let references = welcome_references(welcome).map_err(|_| E2eeError::NotForUs)?;
        let buffer = Buffer::default();
        let mut found = false;
        for reference in &references {
            let record = Record::KeyPackage(reference);
            if let Some(data) = store.load(&record).map_err(E2eeError::store("reading a key package"))? {
                let data = KeyPackageData::mls_decode_exhaustive(data.expose())
                    .map_err(|_| E2eeError::Damaged { what: record.to_string() })?;
                buffer.add_key_package(reference.0.to_vec(), data);
                found = true;
            }
        }
        if !found {
            return Err(E2eeError::NotForUs);
        }
        let message = MlsMessage::from_bytes(welcome).map_err(E2eeError::mls(step))?;
        let tree =
            ExportedTree::mls_decode_exhaustive(tree).map_err(|error| E2eeError::mls(step)(error.into()))?;
        let client = self.client(&buffer, UnixMillis(0));
        let (group, told) = client.join_group(Some(tree), &message, None).map_err(E2eeError::mls(step))?;
        let id = GroupId::from_bytes(group.group_id())
            .map_err(|_| E2eeError::Damaged { what: "the group id in the Welcome".to_owned() })?;
        let before = store.load(&Record::State(&id)).map_err(E2eeError::store("reading a room"))?;
        if let Some((epochs, _)) = before.as_ref().and_then(|state| state::decode(state.expose())) {
            buffer.drop_epochs(epochs);
        }
        let list = &group.context().extensions;
        let rules = extensions::read(list, &self.network).map_err(E2eeError::rule(step))?;
        let room = Room::new(id, group, buffer, Arc::clone(&self.network), rules, None)?;
        let by = room.at(told.sender)?;
        Ok(Joined { room, by })
    }

    /// Opens a room that was saved; `None` if there is none.
    pub fn open<S: Store>(&self, group: &GroupId, store: &S) -> Result<Option<Room>, E2eeError> {
        let load = |record: Record<'_>| store.load(&record).map_err(E2eeError::store("reading a room"));
        let Some(state) = load(Record::State(group))? else { return Ok(None) };
        let damaged = || E2eeError::Damaged { what: format!("the state of \"{group}\"") };
        let tree = load(Record::Tree(group))?.ok_or_else(damaged)?;
        let (epochs, snapshot) = state::decode(state.expose()).ok_or_else(damaged)?;
        let buffer = Buffer::with_state(snapshot.to_vec());
        let tree = ExportedTree::mls_decode_exhaustive(tree.expose()).map_err(|_| damaged())?;
        let opened: Group<Config> = self
            .client(&buffer, UnixMillis(0))
            .load_group_with_ratchet_tree(&group.to_bytes(), tree)
            .map_err(E2eeError::mls("opening a room"))?;
        let epoch = opened.current_epoch();
        for earlier in epochs {
            let data = load(Record::Epoch(group, earlier))?.ok_or_else(damaged)?;
            buffer.add_stored_epoch(earlier, data.expose().clone());
        }
        buffer.forget_state();
        let rules = extensions::rules_of(&opened.context().extensions).map_err(|_| damaged())?;
        Room::new(group.clone(), opened, buffer, Arc::clone(&self.network), rules, Some(epoch)).map(Some)
    }

    fn make_key_packages<S: Store>(
        &self,
        count: usize,
        extensions: &ExtensionList,
        now: UnixMillis,
        store: &mut S,
    ) -> Result<Vec<Vec<u8>>, E2eeError> {
        let step = "making a key package";
        if self.identity.not_after() <= now {
            let uri = self.uri().clone();
            return Err(E2eeError::Certificate {
                uri,
                why: "has a certificate that has expired; renew it first",
            });
        }
        let buffer = Buffer::default();
        let from = self.valid_from(now);
        let client = self.client(&buffer, from);
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            let message = client
                .generate_key_package_message(extensions.clone(), ExtensionList::new(), Some(mls_time(from)))
                .and_then(|message| message.to_bytes());
            messages.push(message.map_err(E2eeError::mls(step))?);
        }
        for (id, data) in buffer.take_key_packages() {
            let damaged = || E2eeError::Damaged { what: "a key package just made".to_owned() };
            let reference = KeyPackageRef::from_slice(&id).ok_or_else(damaged)?;
            let data = zeroize::Zeroizing::new(data.mls_encode_to_vec().map_err(|_| damaged())?);
            store
                .save(&Record::KeyPackage(&reference), &data)
                .map_err(E2eeError::store("saving a key package"))?;
        }
        Ok(messages)
    }

    /// From when a leaf made now counts as valid: an hour back, because our idea of the relay's time may be ahead of it,
    /// but not before the certificate.
    fn valid_from(&self, now: UnixMillis) -> UnixMillis {
        now.minus(Duration::from_hours(1)).max(self.identity.not_before())
    }

    /// The library's client; leaves and key packages that it makes are valid from `from` to the certificate's end.
    fn client(&self, buffer: &Buffer, from: UnixMillis) -> Client<Config> {
        let seconds = self.identity.not_after().seconds().saturating_sub(from.seconds());
        let lifetime = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let suite = self.network.suite;
        Client::builder()
            .key_package_repo(buffer.clone())
            .group_state_storage(buffer.clone())
            .crypto_provider(suite.provider())
            .identity_provider(Credentials(Arc::clone(&self.network)))
            .mls_rules(GroupRules(Arc::clone(&self.network)))
            .extension_types([ROOM, ExtensionType::LAST_RESORT_KEY_PACKAGE])
            .key_package_lifetime(lifetime)
            .signing_identity(self.identity.signing_identity(), self.identity.signer(), suite.mls())
            .build()
    }
}
