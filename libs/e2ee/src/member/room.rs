//! One room as this device holds it in memory. Building commits: `commit`; taking in the log: `process`.

use std::fmt;
use std::sync::Arc;

use mls_rs::Group;
use wickr_base::{GroupId, MemberUri, Secret};
use wickr_wire::content::Outer;

use super::buffer::Buffer;
use super::engine::Config;
use super::state;
use super::store::{Record, Store};
use crate::leaf::Leaf;
use crate::roster::{Roster, removal_targets};
use crate::{E2eeError, KeyPackageRef, Member, Network, RoomRules, encode_outer};

/// A group and everything that is not yet saved of it.
///
/// All changes are in memory until `save`. If saving or the surrounding transaction fails, drop the room and open it
/// again: two copies of one epoch's secrets must never both be used.
pub struct Room {
    pub(super) id: GroupId,
    pub(super) group: Group<Config>,
    pub(super) buffer: Buffer,
    pub(super) network: Arc<Network>,
    pub(super) roster: Roster,
    pub(super) rules: RoomRules,
    saved_tree: Option<u64>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("group", &self.id).field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

impl Room {
    pub(super) fn new(
        id: GroupId,
        group: Group<Config>,
        buffer: Buffer,
        network: Arc<Network>,
        rules: RoomRules,
        saved_tree: Option<u64>,
    ) -> Result<Self, E2eeError> {
        if group.group_id() != id.to_bytes() || id.room.hub() != &network.domain {
            return Err(E2eeError::Damaged { what: format!("the state of \"{id}\": it is another group's") });
        }
        let roster = read_roster(&group)?;
        Ok(Self { id, group, buffer, network, roster, rules, saved_tree })
    }

    /// Writes what changed, into the caller's transaction.
    pub fn save<S: Store>(&mut self, store: &mut S) -> Result<(), E2eeError> {
        self.group.write_to_storage_without_ratchet_tree().map_err(E2eeError::mls("saving a room"))?;
        let changes = self.buffer.take_changes();
        let failed = E2eeError::store::<S::Error>;
        for epoch in changes.dropped_epochs {
            store.delete(&Record::Epoch(&self.id, epoch)).map_err(failed("deleting an earlier epoch"))?;
        }
        if let Some(snapshot) = changes.state {
            let state = state::encode(&changes.stored_epochs, &snapshot);
            store.save(&Record::State(&self.id), &state).map_err(failed("saving the state of a room"))?;
        }
        for (epoch, data) in &changes.epochs {
            store.save(&Record::Epoch(&self.id, *epoch), data).map_err(failed("saving an earlier epoch"))?;
        }
        for used in &changes.used_key_packages {
            if let Some(reference) = KeyPackageRef::from_slice(used) {
                store
                    .delete(&Record::KeyPackage(&reference))
                    .map_err(failed("deleting a used key package"))?;
            }
        }
        if self.saved_tree != Some(self.epoch()) {
            store
                .save(&Record::Tree(&self.id), &self.tree()?)
                .map_err(failed("saving the tree of a room"))?;
            self.saved_tree = Some(self.epoch());
        }
        Ok(())
    }

    /// Deletes everything that is stored of the group; for a room that was left, or a generation that ended.
    pub fn delete<S: Store>(self, store: &mut S) -> Result<(), E2eeError> {
        let failed = E2eeError::store::<S::Error>;
        for earlier in self.buffer.stored_epochs() {
            store.delete(&Record::Epoch(&self.id, earlier)).map_err(failed("deleting an earlier epoch"))?;
        }
        store.delete(&Record::Tree(&self.id)).map_err(failed("deleting the tree of a room"))?;
        store.delete(&Record::State(&self.id)).map_err(failed("deleting the state of a room"))
    }

    /// Room and generation.
    pub fn group(&self) -> &GroupId {
        &self.id
    }

    /// The epoch (RFC 9420 section 2).
    pub fn epoch(&self) -> u64 {
        self.group.current_epoch()
    }

    /// The rules in force.
    pub fn rules(&self) -> &RoomRules {
        &self.rules
    }

    /// The members, in the order of their leaves.
    pub fn roster(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.roster.members()
    }

    /// Whether the device is a member.
    pub fn contains(&self, member: &MemberUri) -> bool {
        self.roster.index_of(member).is_some()
    }

    /// The tree hash (RFC 9420 section 7.8): equal on everyone who holds the same tree.
    pub fn tree_hash(&self) -> &[u8] {
        &self.group.context().tree_hash
    }

    /// A signed GroupInfo of this epoch without the tree (RFC 9420 section 12.4.3), as MLSMessage. No external_pub:
    /// external commits are off.
    pub fn group_info(&self) -> Result<Vec<u8>, E2eeError> {
        self.group
            .group_info_message(false)
            .and_then(|message| message.to_bytes())
            .map_err(E2eeError::mls("signing a GroupInfo"))
    }

    /// The ratchet tree (RFC 9420 section 12.4.3.3).
    pub fn tree(&self) -> Result<Vec<u8>, E2eeError> {
        self.group.export_tree().to_bytes().map_err(E2eeError::mls("exporting the tree"))
    }

    /// Seals a message in this epoch (RFC 9420 section 6.3); `outer` becomes its authenticated_data. Padded in steps.
    ///
    /// Save before sending: it uses up a key. `CommitRequired` while a removal waits. A commit of ours that waits for its
    /// answer hinders nothing: the message goes out in the epoch before it.
    pub fn seal(&mut self, plaintext: &[u8], outer: &Outer) -> Result<Vec<u8>, E2eeError> {
        if self.commit_required() {
            return Err(E2eeError::CommitRequired(self.id.clone()));
        }
        self.group
            .encrypt_application_message(plaintext, encode_outer(outer))
            .and_then(|message| message.to_bytes())
            .map_err(E2eeError::mls("sealing a message"))
    }

    /// A secret that all members of this epoch can derive, and nobody else (RFC 9420 section 8.5).
    pub fn export(&self, label: &str, context: &[u8], length: usize) -> Result<Secret<Vec<u8>>, E2eeError> {
        let secret = self.group.export_secret(label.as_bytes(), context, length);
        Ok(Secret::new(secret.map_err(E2eeError::mls("exporting a secret"))?.as_bytes().to_vec()))
    }

    /// Whether a commit of ours waits for its place in the log.
    pub fn commit_pending(&self) -> bool {
        self.group.has_pending_commit()
    }

    /// Drops a commit that the relay has refused. Only then: a dropped commit that comes in the log after all can't be
    /// applied any more. (A commit that lost its race is dropped by processing the winner.)
    pub fn drop_pending_commit(&mut self) {
        self.group.clear_pending_commit();
    }

    /// Whether a removal waits, so that a commit must come before the next message (RFC 9420 section 12.4).
    pub fn commit_required(&self) -> bool {
        self.group.commit_required()
    }

    /// Who is to be removed by the next commit, in the order of their leaves.
    pub fn pending_removals(&self) -> Vec<MemberUri> {
        removal_targets(&self.group.get_cached_proposals())
            .into_iter()
            .filter_map(|index| self.roster.at(index).map(|member| member.uri.clone()))
            .collect()
    }

    pub(super) fn own_uri(&self) -> Result<&MemberUri, E2eeError> {
        let own = self.roster.at(self.group.current_member_index());
        own.map(|member| &member.uri).ok_or_else(|| E2eeError::Removed(self.id.clone()))
    }
}

pub(super) fn read_roster(group: &Group<Config>) -> Result<Roster, E2eeError> {
    Roster::read(&group.roster())
        .map_err(|error| E2eeError::Damaged { what: format!("a leaf's certificate ({error})") })
}

/// The URI in a leaf.
pub(super) fn uri_of(identity: &mls_rs::identity::SigningIdentity) -> Result<MemberUri, E2eeError> {
    let leaf = Leaf::of(identity);
    leaf.map(|leaf| leaf.uri)
        .map_err(|error| E2eeError::Damaged { what: format!("a leaf's certificate ({error})") })
}
