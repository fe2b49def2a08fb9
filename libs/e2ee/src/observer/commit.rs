//! The judgement of a commit: on a copy, which replaces the observer only when everything holds.

use std::sync::Arc;

use mls_rs::MlsMessage;
use mls_rs::external_client::ExternalReceivedMessage;
use mls_rs::group::proposal::Proposal;
use mls_rs::group::{CommitEffect, NewEpoch, Sender};
use mls_rs::mls_rules::ProposalInfo;
use wickr_base::{GroupId, MemberUri, UnixMillis};
use wickr_wire::ProblemCode;

use super::state::Observer;
use crate::header::{Content, Framing};
use crate::key_package::reference;
use crate::roster::Delta;
use crate::time::mls_time;
use crate::{KeyPackageRef, Refused, extensions, welcome_references};

/// What the relay knows beside the group.
#[derive(Clone, Copy)]
pub struct Judgement<'a> {
    /// The relay's time, the only one for expiry; members must get the entry with this very time.
    pub now: UnixMillis,
    /// The device on whose connection the frame came.
    pub submitter: &'a MemberUri,
    /// Whether a device is revoked.
    pub revoked: &'a dyn Fn(&MemberUri) -> bool,
}

impl std::fmt::Debug for Judgement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judgement")
            .field("now", &self.now)
            .field("submitter", self.submitter)
            .finish_non_exhaustive()
    }
}

/// A commit that may enter the log.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The room after it.
    pub next: Observer,
    /// The epoch that it begins.
    pub epoch: u64,
    /// Who committed.
    pub committer: MemberUri,
    /// Who joins.
    pub added: Vec<Added>,
    /// Who leaves or is removed: their older messages are refused from here on.
    pub removed: Vec<MemberUri>,
    /// The committer's leaf carries a new certificate.
    pub renewed: bool,
    /// The room's rules changed.
    pub rules_changed: bool,
}

/// A device that a commit adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The device.
    pub uri: MemberUri,
    /// The package that it's added by, as the Welcome names it.
    pub key_package: KeyPackageRef,
}

impl Observer {
    /// Whether `commit` (MLSMessage) may enter the log now.
    ///
    /// Taken: a commit by the submitter for this group and epoch, valid by RFC 9420 section 12.4.2 as far as an observer
    /// sees, of Add, Remove and changes of the rules by who may, whose new leaves (and the path's) have certificates
    /// valid at `now`, by a device whose own certificate as it stands afterwards is valid, that contains every pending
    /// removal. An expired device may only renew itself. Refused otherwise, by code:
    ///
    /// - `handshake-encrypted`: a commit or proposal in a PrivateMessage;
    /// - `stale-generation`, `stale-epoch`: another group of the same room, another epoch;
    /// - `not-a-member`, `forbidden`, `device-revoked`: the submitter is no member, isn't the committer, is revoked;
    /// - `pending-removal`: a removal is left out;
    /// - `commit-refused`: all else, such as external commits, ReInit, PSK, Update, custom proposals, expired or unknown
    ///   devices, another's URI in the path, changed external_senders or required_capabilities;
    /// - `malformed`: it can't be read.
    pub fn judge_commit(&self, commit: &[u8], judgement: &Judgement<'_>) -> Result<Accepted, Refused> {
        let framing = Framing::parse(commit).ok_or_else(|| Refused::unreadable("the commit"))?;
        let (sender, content) = self.locate(&framing)?;
        if content != Content::Commit {
            return Err(Refused::unreadable("the commit"));
        }
        let committer = self.check_sender(sender, judgement)?;
        let message = MlsMessage::from_bytes(commit).map_err(|_| Refused::unreadable("the commit"))?;

        let mut group = self.group.clone();
        let processed = group.process_incoming_message_with_time(message, mls_time(judgement.now));
        let description = match processed {
            Ok(ExternalReceivedMessage::Commit(description)) => description,
            Ok(_) => return Err(Refused::unreadable("the commit")),
            Err(error) => return Err(Refused::commit(format!("the commit is not valid: {error}"))),
        };
        let CommitEffect::NewEpoch(epoch) = &description.effect else {
            return Err(Refused::commit("ReInit is refused: a room goes on by NextGeneration"));
        };
        if description.is_external {
            return Err(Refused::commit("external commits are off: ask a member to add the device"));
        }
        self.check_removals(epoch)?;

        let mut roster = Arc::clone(&self.roster);
        let delta = Arc::make_mut(&mut roster)
            .advance(epoch, description.committer, &group.roster(), |identity| {
                group.get_member_with_identity(identity).ok().map(|member| member.index)
            })
            .map_err(|error| Refused::commit(error.to_string()))?;
        let mut rules = Arc::clone(&self.rules);
        if delta.rules_changed {
            let changed = extensions::read(group.group_context().extensions(), &self.hub.network);
            rules = Arc::new(changed.map_err(|breach| Refused::commit(breach.to_string()))?);
        }
        let next = Self { hub: self.hub.clone(), group, id: Arc::clone(&self.id), rules, roster };
        self.check_committer(&next, epoch, description.committer, judgement)?;
        self.accept(next, committer, delta, judgement)
    }

    /// Group, epoch and form; the sender and what it sent.
    pub(super) fn locate(&self, framing: &Framing<'_>) -> Result<(Sender, Content), Refused> {
        let (group_id, epoch, found) = match *framing {
            Framing::Public { group_id, epoch, sender, content } => {
                (group_id, epoch, Some((sender, content)))
            }
            Framing::Private { group_id, epoch, .. } => (group_id, epoch, None),
        };
        let Some(found) = found else { return Err(Refused::encrypted_handshake()) };
        if group_id != self.group_id_bytes() {
            let code = match GroupId::from_bytes(group_id) {
                Ok(id) if id.room == self.id.room => ProblemCode::StaleGeneration,
                _ => ProblemCode::CommitRefused,
            };
            return Err(Refused::new(
                code,
                format!("the handshake is of another group than \"{}\"", self.id),
            ));
        }
        if epoch != self.epoch() {
            let detail = format!(
                "the room is at epoch {}, the handshake at {epoch}; process the log and try again",
                self.epoch()
            );
            return Err(Refused::new(ProblemCode::StaleEpoch, detail));
        }
        Ok(found)
    }

    /// The sender must be a member, the submitter, and not revoked.
    pub(super) fn check_sender(
        &self,
        sender: Sender,
        judgement: &Judgement<'_>,
    ) -> Result<MemberUri, Refused> {
        let submitter = judgement.submitter;
        if !self.contains(submitter) {
            let detail = format!("\"{submitter}\" is not a member of \"{}\"", self.id);
            return Err(Refused::new(ProblemCode::NotAMember, detail));
        }
        if (judgement.revoked)(submitter) {
            return Err(Refused::new(
                ProblemCode::DeviceRevoked,
                format!("\"{submitter}\" has been revoked"),
            ));
        }
        match sender {
            Sender::Member(index) if self.roster.index_of(submitter) == Some(index) => Ok(submitter.clone()),
            Sender::Member(_) => {
                let detail = format!("the handshake was not made by \"{submitter}\", who sent it");
                Err(Refused::new(ProblemCode::Forbidden, detail))
            }
            _ => Err(Refused::commit("external commits are off: ask a member to add the device")),
        }
    }

    /// Every pending removal must be carried out, by reference or by value.
    fn check_removals(&self, epoch: &NewEpoch) -> Result<(), Refused> {
        let removed = |target: u32| {
            epoch.applied_proposals().iter().any(
                |applied| matches!(&applied.proposal, Proposal::Remove(removal) if removal.to_remove() == target),
            )
        };
        let mut left = self.pending_targets().into_iter().filter(|(index, _)| !removed(*index)).peekable();
        if left.peek().is_none() {
            return Ok(());
        }
        let names: Vec<String> = left.map(|(_, uri)| uri.to_string()).collect();
        let detail =
            format!("the next commit must remove {}; process the log and commit again", names.join(", "));
        Err(Refused::new(ProblemCode::PendingRemoval, detail))
    }

    /// The committer's leaf as it stands afterwards must be valid; one that was expired may only renew itself.
    fn check_committer(
        &self,
        next: &Self,
        epoch: &NewEpoch,
        committer: u32,
        judgement: &Judgement<'_>,
    ) -> Result<(), Refused> {
        let expired =
            |observer: &Self| observer.roster.at(committer).is_none_or(|leaf| leaf.not_after < judgement.now);
        if expired(next) {
            return Err(Refused::commit(
                "the committer's certificate has expired; renew it with sso, then commit it",
            ));
        }
        let brings_more = epoch.applied_proposals().iter().any(ProposalInfo::is_by_value);
        if expired(self) && brings_more {
            return Err(Refused::commit(
                "a device whose certificate had expired may only renew itself; do the rest after",
            ));
        }
        Ok(())
    }

    fn accept(
        &self,
        next: Self,
        committer: MemberUri,
        delta: Delta,
        judgement: &Judgement<'_>,
    ) -> Result<Accepted, Refused> {
        let mut added = Vec::with_capacity(delta.added.len());
        for (uri, package) in delta.added {
            if (judgement.revoked)(&uri) {
                return Err(Refused::commit(format!("\"{uri}\" has been revoked and can't be added")));
            }
            let key_package = reference(&package, &self.hub.network)
                .ok_or_else(|| Refused::commit(format!("the key package of \"{uri}\" can't be hashed")))?;
            added.push(Added { uri, key_package });
        }
        let epoch = next.epoch();
        let (renewed, rules_changed) = (delta.renewed, delta.rules_changed);
        Ok(Accepted { next, epoch, committer, added, removed: delta.removed, renewed, rules_changed })
    }
}

impl Accepted {
    /// For which devices the commit's Welcome is: it must answer exactly the packages that the commit adds by
    /// (RFC 9420 section 12.4.3.1); without additions there must be none.
    pub fn route_welcome(&self, welcome: Option<&[u8]>) -> Result<Vec<MemberUri>, Refused> {
        let mut named = welcome.map(welcome_references).transpose()?.unwrap_or_default();
        let mut added: Vec<KeyPackageRef> = self.added.iter().map(|added| added.key_package).collect();
        named.sort_unstable();
        added.sort_unstable();
        if named != added {
            return Err(Refused::commit(
                "the Welcome must answer exactly the key packages that the commit adds by",
            ));
        }
        Ok(self.added.iter().map(|added| added.uri.clone()).collect())
    }
}
