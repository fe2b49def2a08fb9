//! Taking in a room's log, entry by entry, in the order of its seq.

use mls_rs::MlsMessage;
use mls_rs::error::MlsError;
use mls_rs::group::{CommitEffect, CommitMessageDescription, ReceivedMessage, Sender};
use wickr_base::{MemberUri, Secret, UnixMillis};

use super::event::{Committed, Event, RemovalProposed};
use super::room::{Room, uri_of};
use crate::group_rules::check_removal;
use crate::header::{ApplicationHeader, Content, Framing};
use crate::time::mls_time;
use crate::{E2eeError, Refused, RuleBreach, extensions};

impl Room {
    /// Takes in one entry: a commit, a proposal or an application message, with the relay's time of it (`Entry.time_ms`,
    /// the very time by which the relay judged it), so that all members judge expiry alike (RFC 9420 section 12).
    ///
    /// A commit of ours is applied when it comes by here; another one for the same epoch drops it. On an error the
    /// room is as before, except that a message's key may be used up. Refused beside what RFC 9420 refuses: encrypted
    /// handshakes; from the hub anything but Remove; from a member a proposal other than to remove itself; external
    /// commits, PSK, ReInit, Update and custom proposals; a change of rules by someone who may not.
    pub fn process(&mut self, message: &[u8], at: UnixMillis) -> Result<Event, E2eeError> {
        let framing = Framing::parse(message).ok_or_else(|| self.refuse(Refused::unreadable("the entry")))?;
        match framing {
            Framing::Private { .. } => self.open(message, at),
            Framing::Public { group_id, epoch, sender, content } => {
                if group_id != self.group.group_id() {
                    return Err(self.refuse(Refused::malformed("the group id is not this room's")));
                }
                if epoch != self.epoch() {
                    return Err(E2eeError::OtherEpoch {
                        group: self.id.clone(),
                        epoch,
                        current: self.epoch(),
                    });
                }
                match content {
                    Content::Commit if matches!(sender, Sender::Member(_)) => self.apply(message, at),
                    Content::Commit => {
                        Err(refuse_handshake(RuleBreach::Proposer("external commits are off")))
                    }
                    Content::Removal { target } => self.note_removal(message, at, sender, target),
                    Content::OtherProposal => {
                        let breach = RuleBreach::Proposer("only Remove is proposed outside of a commit");
                        Err(refuse_handshake(breach))
                    }
                    Content::Application => Err(self.refuse(Refused::unreadable("the application message"))),
                }
            }
        }
    }

    fn open(&mut self, bytes: &[u8], at: UnixMillis) -> Result<Event, E2eeError> {
        let header = ApplicationHeader::parse(bytes).map_err(|refused| self.refuse(refused))?;
        if header.group_id != self.group.group_id() {
            return Err(self.refuse(Refused::malformed("the group id is not this room's")));
        }
        let outer = header.outer().map_err(|refused| self.refuse(refused))?;
        let step = "opening a message";
        let message = MlsMessage::from_bytes(bytes).map_err(E2eeError::mls(step))?;
        match self.group.process_incoming_message_with_time(message, mls_time(at)) {
            Ok(ReceivedMessage::ApplicationMessage(opened)) => {
                let sender = self.at(opened.sender_index)?;
                Ok(Event::Message { sender, outer, plaintext: Secret::new(opened.data().to_vec()) })
            }
            Ok(_) => Err(self.refuse(Refused::unreadable("the application message"))),
            Err(MlsError::CantProcessMessageFromSelf) => Ok(Event::OwnMessage { outer }),
            Err(error) => Err(E2eeError::mls(step)(error)),
        }
    }

    fn note_removal(
        &mut self,
        bytes: &[u8],
        at: UnixMillis,
        sender: Sender,
        target: u32,
    ) -> Result<Event, E2eeError> {
        check_removal(sender, target).map_err(refuse_handshake)?;
        let member = self.at(target)?;
        let step = "taking in a removal";
        let message = MlsMessage::from_bytes(bytes).map_err(E2eeError::mls(step))?;
        self.group.process_incoming_message_with_time(message, mls_time(at)).map_err(E2eeError::mls(step))?;
        Ok(Event::RemovalProposed(RemovalProposed { member, by_itself: matches!(sender, Sender::Member(_)) }))
    }

    fn apply(&mut self, bytes: &[u8], at: UnixMillis) -> Result<Event, E2eeError> {
        let step = "applying a commit";
        let message = MlsMessage::from_bytes(bytes).map_err(E2eeError::mls(step))?;
        match self
            .group
            .process_incoming_message_with_time(message, mls_time(at))
            .map_err(E2eeError::mls(step))?
        {
            ReceivedMessage::Commit(commit) => self.advance(&commit),
            _ => Err(self.refuse(Refused::unreadable("the commit"))),
        }
    }

    pub(super) fn advance(&mut self, commit: &CommitMessageDescription) -> Result<Event, E2eeError> {
        match &commit.effect {
            CommitEffect::NewEpoch(epoch) => {
                let group = &self.group;
                let find = |identity: &_| {
                    let uri = uri_of(identity).ok()?.to_string();
                    group.member_with_identity(uri.as_bytes()).ok().map(|member| member.index)
                };
                let committer = self.at(commit.committer)?;
                let delta =
                    self.roster.advance(epoch, commit.committer, &self.group.roster(), find).map_err(
                        |error| E2eeError::Damaged { what: format!("a leaf's certificate ({error})") },
                    )?;
                if delta.rules_changed {
                    let list = &self.group.context().extensions;
                    self.rules = extensions::read(list, &self.network)
                        .map_err(E2eeError::rule("reading the new rules"))?;
                }
                Ok(Event::Committed(Committed {
                    epoch: epoch.epoch(),
                    own: commit.committer == self.group.current_member_index(),
                    committer,
                    added: delta.added.into_iter().map(|(uri, _)| uri).collect(),
                    removed: delta.removed,
                    renewed: delta.renewed,
                    rules_changed: delta.rules_changed,
                }))
            }
            CommitEffect::Removed { .. } => Ok(Event::Removed { committer: self.at(commit.committer)? }),
            CommitEffect::ReInit(_) => Err(refuse_handshake(RuleBreach::Proposal("reinit"))),
        }
    }

    /// In whose name a handshake of this epoch is, if it names a member. Not verified: for telling people whom to ask.
    pub fn claimed_sender(&self, message: &[u8]) -> Option<&MemberUri> {
        match Framing::parse(message)? {
            Framing::Public { sender: Sender::Member(leaf), .. } => {
                self.roster.at(leaf).map(|member| &member.uri)
            }
            _ => None,
        }
    }

    pub(super) fn at(&self, leaf: u32) -> Result<MemberUri, E2eeError> {
        let member = self.roster.at(leaf).map(|member| member.uri.clone());
        member.ok_or_else(|| self.refuse(Refused::malformed(format!("the group has no leaf {leaf}"))))
    }

    fn refuse(&self, refused: Refused) -> E2eeError {
        E2eeError::Message { group: self.id.clone(), refused }
    }
}

fn refuse_handshake(breach: RuleBreach) -> E2eeError {
    E2eeError::Rule { step: "taking in a handshake", breach }
}
