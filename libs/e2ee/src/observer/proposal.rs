//! Removals outside of a commit: a device that leaves, and the hub that has someone removed (RFC 9420 section 12.1.3).

use mls_rs::MlsMessage;
use mls_rs::external_client::ExternalReceivedMessage;
use wickr_base::MemberUri;

use super::commit::Judgement;
use super::state::Observer;
use crate::group_rules::check_removal;
use crate::header::{Content, Framing};
use crate::time::mls_time;
use crate::{E2eeError, Refused};

/// A proposal that may enter the log.
#[derive(Debug, Clone)]
pub struct AcceptedProposal {
    /// The room with the removal pending.
    pub next: Observer,
    /// Who asks to leave.
    pub leaving: MemberUri,
}

impl Observer {
    /// Whether `proposal` (MLSMessage) may enter the log: the submitter's own Remove of its own leaf, nothing else.
    /// Refused as in `judge_commit`. An expired device may leave.
    pub fn judge_proposal(
        &self,
        proposal: &[u8],
        judgement: &Judgement<'_>,
    ) -> Result<AcceptedProposal, Refused> {
        let framing = Framing::parse(proposal).ok_or_else(|| Refused::unreadable("the proposal"))?;
        let (sender, content) = self.locate(&framing)?;
        let target = match content {
            Content::Removal { target } => target,
            Content::OtherProposal => {
                return Err(Refused::commit(
                    "a device proposes only its own removal; everything else is a commit",
                ));
            }
            Content::Application | Content::Commit => return Err(Refused::unreadable("the proposal")),
        };
        let leaving = self.check_sender(sender, judgement)?;
        check_removal(sender, target).map_err(|breach| Refused::commit(breach.to_string()))?;
        let message = MlsMessage::from_bytes(proposal).map_err(|_| Refused::unreadable("the proposal"))?;
        let mut next = self.clone();
        match next.group.process_incoming_message_with_time(message, mls_time(judgement.now)) {
            Ok(ExternalReceivedMessage::Proposal(_)) => Ok(AcceptedProposal { next, leaving }),
            Ok(_) => Err(Refused::unreadable("the proposal")),
            Err(error) => Err(Refused::commit(format!("the proposal is not valid: {error}"))),
        }
    }

    /// The hub's proposal to remove a member, for the log, and the room with it pending. `None` if the device is no
    /// member or its removal is pending already.
    ///
    /// It belongs to this epoch. No commit is taken without it, so it need be made anew only for a device that the
    /// very commit brought in which overtook it: ask again after each commit for whoever must not be there.
    pub fn propose_remove(&self, member: &MemberUri) -> Result<Option<(Self, Vec<u8>)>, E2eeError> {
        let Some(index) = self.roster.index_of(member) else { return Ok(None) };
        if self.pending_targets().iter().any(|(pending, _)| *pending == index) {
            return Ok(None);
        }
        let mut next = self.clone();
        let message = next
            .group
            .propose_remove(index, Vec::new())
            .and_then(|message| message.to_bytes())
            .map_err(E2eeError::mls("proposing a removal"))?;
        Ok(Some((next, message)))
    }
}
