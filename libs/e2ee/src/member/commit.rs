//! Commits and the leave proposal (RFC 9420 sections 12.1, 12.4): built here, applied when they come back in the log.

use mls_rs::MlsMessage;
use mls_rs::group::CommitBuilder;
use wickr_base::{MemberUri, UnixMillis};

use super::engine::Config;
use super::room::Room;
use crate::leaf::Leaf;
use crate::time::mls_time;
use crate::{E2eeError, Identity, RoomRules, extensions};

/// Whom to add, and by which package. The relay hands packages out; that it is theirs is checked here.
#[derive(Debug, Clone)]
pub struct Invited<'a> {
    /// Whom the person meant.
    pub device: MemberUri,
    /// MLSMessage(KeyPackage) as the relay gave it.
    pub key_package: &'a [u8],
}

/// A commit and what goes with it: the three travel in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOut {
    /// The epoch that it was made in.
    pub epoch: u64,
    /// MLSMessage(PublicMessage(Commit)).
    pub commit: Vec<u8>,
    /// One MLSMessage(Welcome) for all who are added, without the tree.
    pub welcome: Option<Vec<u8>>,
    /// MLSMessage(GroupInfo) of the next epoch, without the tree.
    pub group_info: Vec<u8>,
}

impl Room {
    /// Adds devices in one commit, and whatever removal waits. Costs no path: small in any room.
    pub fn add(&mut self, invited: &[Invited<'_>], now: UnixMillis) -> Result<CommitOut, E2eeError> {
        let mut packages = Vec::with_capacity(invited.len());
        for invited in invited {
            packages.push(read_package(invited)?);
        }
        self.commit(now, |mut builder| {
            for package in packages {
                builder = builder.add_member(package).map_err(E2eeError::mls("adding a device"))?;
            }
            Ok(builder)
        })
    }

    /// Removes devices in one commit, and whatever removal waits.
    ///
    /// Also the way out when the relay waits for the removal of a device whose proposal couldn't be taken in.
    pub fn remove(&mut self, members: &[MemberUri], now: UnixMillis) -> Result<CommitOut, E2eeError> {
        let mut leaves = Vec::with_capacity(members.len());
        let waiting = self.pending_removals();
        for member in members.iter().filter(|member| !waiting.contains(member)) {
            let not_a_member = || E2eeError::NotAMember { group: self.id.clone(), member: member.clone() };
            leaves.push(self.roster.index_of(member).ok_or_else(not_a_member)?);
        }
        self.commit(now, |mut builder| {
            for leaf in leaves {
                builder = builder.remove_member(leaf).map_err(E2eeError::mls("removing a device"))?;
            }
            Ok(builder)
        })
    }

    /// A commit of a fresh path and whatever removal waits: heals after a compromise, and fills the tree after joining
    /// (RFC 9420 section 16.6).
    pub fn path_commit(&mut self, now: UnixMillis) -> Result<CommitOut, E2eeError> {
        self.commit(now, |builder| Ok(builder))
    }

    /// A path commit that puts the renewed certificate into this device's leaf.
    pub fn renew(&mut self, identity: &Identity, now: UnixMillis) -> Result<CommitOut, E2eeError> {
        if self.own_uri()? != identity.uri() {
            let uri = identity.uri().clone();
            return Err(E2eeError::Certificate { uri, why: "is another device than the one in this room" });
        }
        self.commit(now, |builder| {
            Ok(builder.set_new_signing_identity(identity.signer(), identity.signing_identity()))
        })
    }

    /// Changes who moderates; only a moderator may. Kind and hub are fixed.
    pub fn change_rules(&mut self, rules: &RoomRules, now: UnixMillis) -> Result<CommitOut, E2eeError> {
        let step = "changing the rules of a room";
        let mut list = self.group.context().extensions.clone();
        let next = extensions::for_room(rules, &self.network).map_err(E2eeError::rule(step))?;
        list.append(next);
        extensions::check_change(&self.group.context().extensions, &list, self.own_uri()?, &self.network)
            .map_err(E2eeError::rule(step))?;
        self.commit(now, |builder| builder.set_group_context_ext(list).map_err(E2eeError::mls(step)))
    }

    /// A Remove of the own leaf as a proposal of its own: whoever commits next must take it in. MLSMessage bytes.
    ///
    /// It counts when it comes back in the log; the room is unchanged until then.
    pub fn propose_leave(&self) -> Result<Vec<u8>, E2eeError> {
        // On a copy, because the library would count its own proposal at once, also if the relay never takes it.
        let mut copy = self.group.clone();
        let own = copy.current_member_index();
        copy.propose_remove(own, Vec::new())
            .and_then(|message| message.to_bytes())
            .map_err(E2eeError::mls("proposing to leave"))
    }

    fn commit(
        &mut self,
        now: UnixMillis,
        fill: impl for<'b> FnOnce(CommitBuilder<'b, Config>) -> Result<CommitBuilder<'b, Config>, E2eeError>,
    ) -> Result<CommitOut, E2eeError> {
        if self.commit_pending() {
            return Err(E2eeError::CommitPending(self.id.clone()));
        }
        let own = self.own_uri()?.clone();
        if self.pending_removals().contains(&own) {
            return Err(E2eeError::Leaving(self.id.clone()));
        }
        let epoch = self.epoch();
        let builder = fill(self.group.commit_builder().commit_time(mls_time(now)))?;
        let made = builder.build().map_err(E2eeError::mls("building a commit"))?;
        let bytes = |message: &MlsMessage| message.to_bytes().map_err(E2eeError::mls("encoding a commit"));
        Ok(CommitOut {
            epoch,
            commit: bytes(&made.commit_message)?,
            welcome: made.welcome_messages.first().map(bytes).transpose()?,
            group_info: self.next_group_info()?,
        })
    }

    /// The GroupInfo of the epoch that the waiting commit leads to, taken from a copy that is thrown away.
    fn next_group_info(&self) -> Result<Vec<u8>, E2eeError> {
        let mut next = self.group.clone();
        next.apply_pending_commit()
            .and_then(|_| next.group_info_message(false))
            .and_then(|message| message.to_bytes())
            .map_err(E2eeError::mls("signing the next GroupInfo"))
    }
}

fn read_package(invited: &Invited<'_>) -> Result<MlsMessage, E2eeError> {
    let refuse = |why: String| E2eeError::KeyPackage { expected: invited.device.clone(), why };
    let message =
        MlsMessage::from_bytes(invited.key_package).map_err(|_| refuse("it can't be read".to_owned()))?;
    let package = message.as_key_package().ok_or_else(|| refuse("it is another message".to_owned()))?;
    let leaf = Leaf::of(package.signing_identity()).map_err(|error| refuse(error.to_string()))?;
    if leaf.uri != invited.device {
        return Err(refuse(format!("it is of \"{}\"", leaf.uri)));
    }
    Ok(message)
}
