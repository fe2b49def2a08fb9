//! Who is in a group, as URIs; kept beside the tree so that a look-up parses no certificate.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mls_rs::KeyPackage;
use mls_rs::group::proposal::Proposal;
use mls_rs::group::{CachedProposal, NewEpoch, Roster as MlsRoster};
use mls_rs_core::identity::SigningIdentity;
use wickr_base::{MemberUri, UnixMillis};

use crate::leaf::{Leaf, LeafError};

/// One leaf of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The device.
    pub uri: MemberUri,
    /// Until when its certificate, as it stands in the leaf, is valid.
    pub not_after: UnixMillis,
}

/// Leaf index to member and back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    by_leaf: BTreeMap<u32, Member>,
    by_uri: HashMap<MemberUri, u32>,
}

/// What a commit did to the roster.
pub(crate) struct Delta {
    pub(crate) added: Vec<(MemberUri, KeyPackage)>,
    pub(crate) removed: Vec<MemberUri>,
    pub(crate) renewed: bool,
    pub(crate) rules_changed: bool,
}

impl Roster {
    /// Follows an applied commit: `next` is the roster after it, `find` gives a leaf's index in it.
    pub(crate) fn advance(
        &mut self,
        epoch: &NewEpoch,
        committer: u32,
        next: &MlsRoster<'_>,
        find: impl Fn(&SigningIdentity) -> Option<u32>,
    ) -> Result<Delta, LeafError> {
        let mut delta =
            Delta { added: Vec::new(), removed: Vec::new(), renewed: false, rules_changed: false };
        for applied in epoch.applied_proposals() {
            match &applied.proposal {
                Proposal::Remove(removal) => {
                    delta.removed.extend(self.remove(removal.to_remove()).map(|member| member.uri));
                }
                Proposal::GroupContextExtensions(_) => delta.rules_changed = true,
                _ => {}
            }
        }
        for applied in epoch.applied_proposals() {
            if let Proposal::Add(add) = &applied.proposal {
                let leaf = Leaf::of(add.signing_identity())?;
                let index = find(add.signing_identity()).ok_or(LeafError::Credential)?;
                delta.added.push((leaf.uri.clone(), add.key_package().clone()));
                self.insert(index, leaf);
            }
        }
        let after = next.member_with_index(committer).map_err(|_| LeafError::Credential)?;
        let before = epoch.prior_state().member_at_index(committer);
        if before.is_none_or(|before| before.signing_identity != after.signing_identity) {
            self.insert(committer, Leaf::of(&after.signing_identity)?);
            delta.renewed = true;
        }
        Ok(delta)
    }

    /// Parses every leaf's certificate (3 to 4 microseconds each).
    pub(crate) fn read(roster: &MlsRoster<'_>) -> Result<Self, LeafError> {
        let mut out = Self::default();
        for member in roster.members_iter() {
            out.insert(member.index, Leaf::of(&member.signing_identity)?);
        }
        Ok(out)
    }

    pub(crate) fn insert(&mut self, index: u32, leaf: Leaf) {
        self.by_uri.insert(leaf.uri.clone(), index);
        self.by_leaf.insert(index, Member { uri: leaf.uri, not_after: leaf.not_after });
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<Member> {
        let member = self.by_leaf.remove(&index)?;
        self.by_uri.remove(&member.uri);
        Some(member)
    }

    pub(crate) fn at(&self, index: u32) -> Option<&Member> {
        self.by_leaf.get(&index)
    }

    pub(crate) fn index_of(&self, uri: &MemberUri) -> Option<u32> {
        self.by_uri.get(uri).copied()
    }

    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.by_leaf.values()
    }
}

/// The leaves that waiting proposals remove, in their order.
pub(crate) fn removal_targets(waiting: &[CachedProposal]) -> BTreeSet<u32> {
    let target = |cached: &CachedProposal| match cached.proposal() {
        Proposal::Remove(removal) => Some(removal.to_remove()),
        _ => None,
    };
    waiting.iter().filter_map(target).collect()
}
