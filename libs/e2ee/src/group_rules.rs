//! Which proposals a commit may carry. Members and the relay run the same code (the library's `MlsRules`), so that
//! they accept the same commits; what needs the submitter or the resulting roster is judged in `observer`.

use std::sync::Arc;

use mls_rs::MlsRules;
use mls_rs::client_builder::PaddingMode;
use mls_rs::error::IntoAnyError;
use mls_rs::group::{GroupContext, Roster, Sender};
use mls_rs::mls_rules::{
    CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle, ProposalInfo,
};

use crate::leaf::Leaf;
use crate::{Network, RuleBreach, extensions};

/// Public handshakes, padded messages, trees out of band, and only the proposals that a room knows.
#[derive(Clone, Debug)]
pub(crate) struct GroupRules(pub(crate) Arc<Network>);

impl IntoAnyError for RuleBreach {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(self.into())
    }
}

impl MlsRules for GroupRules {
    type Error = RuleBreach;

    /// Add, Remove and a change of the rules, by the committer; Remove alone by reference (RFC 9420 section 12.2).
    ///
    /// PSK is refused: the relay could not check it, and members without the secret would be shut out. Update is
    /// refused because a leaf is renewed by its owner's own path.
    fn filter_proposals(
        &self,
        _direction: CommitDirection,
        source: CommitSource,
        _roster: &Roster<'_>,
        context: &GroupContext,
        proposals: ProposalBundle,
    ) -> Result<ProposalBundle, RuleBreach> {
        let CommitSource::ExistingMember(committer) = source else {
            return Err(RuleBreach::Proposer("external commits are off: only a member commits"));
        };
        let unknown = [
            ("update", proposals.update_proposals().len()),
            ("psk", proposals.psk_proposals().len()),
            ("reinit", proposals.reinit_proposals().len()),
            ("external_init", proposals.external_init_proposals().len()),
            ("custom", proposals.custom_proposals().len()),
        ];
        if let Some((name, _)) = unknown.iter().find(|(_, count)| *count > 0) {
            return Err(RuleBreach::Proposal(name));
        }
        proposals.add_proposals().iter().try_for_each(by_committer)?;
        proposals.group_context_ext_proposals().iter().try_for_each(by_committer)?;
        for removal in proposals.remove_proposals().iter().filter(|removal| removal.is_by_reference()) {
            check_removal(removal.sender, removal.proposal.to_remove())?;
        }
        for change in proposals.group_context_ext_proposals() {
            let by = Leaf::of(&committer.signing_identity)
                .map_err(|_| RuleBreach::Proposer("the committer's certificate can't be read"))?;
            extensions::check_change(&context.extensions, &change.proposal, &by.uri, &self.0)?;
        }
        Ok(proposals)
    }

    fn commit_options(
        &self,
        _roster: &Roster<'_>,
        _context: &GroupContext,
        _proposals: &ProposalBundle,
    ) -> Result<CommitOptions, RuleBreach> {
        Ok(CommitOptions::new().with_ratchet_tree_extension(false))
    }

    fn encryption_options(
        &self,
        _roster: &Roster<'_>,
        _context: &GroupContext,
    ) -> Result<EncryptionOptions, RuleBreach> {
        Ok(EncryptionOptions::new(false, PaddingMode::StepFunction))
    }
}

/// Whether `sender` may propose on its own, outside of a commit, that the leaf `target` be removed: the hub for anyone,
/// a member for itself (that is how it leaves).
pub(crate) fn check_removal(sender: Sender, target: u32) -> Result<(), RuleBreach> {
    match sender {
        Sender::External(0) => Ok(()),
        Sender::Member(index) if index == target => Ok(()),
        Sender::Member(_) => {
            Err(RuleBreach::Proposer("a member removes another one by a commit, not by a proposal"))
        }
        _ => Err(RuleBreach::Proposer("only members and the hub propose")),
    }
}

fn by_committer<T>(proposal: &ProposalInfo<T>) -> Result<(), RuleBreach> {
    if proposal.is_by_value() {
        Ok(())
    } else {
        Err(RuleBreach::Proposer("only Remove is proposed outside of a commit"))
    }
}
