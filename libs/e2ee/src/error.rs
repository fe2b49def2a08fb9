//! What can go wrong on our own side, one variant per step. What others send and we don't take: `refused`.

use std::fmt;

use mls_rs::error::MlsError;
use wickr_base::{GroupId, MemberUri};

use crate::{Refused, RuleBreach};

/// The MLS library's reason, for the log and for a person.
#[derive(Debug)]
pub struct MlsCause(MlsError);

impl fmt::Display for MlsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for MlsCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

impl MlsCause {
    pub(crate) fn new(error: MlsError) -> Self {
        Self(error)
    }
}

/// Why a step failed; says what was attempted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum E2eeError {
    /// The MLS library refused or failed.
    #[error("{step}: {cause}")]
    Mls {
        /// What was attempted.
        step: &'static str,
        /// Why it failed.
        cause: MlsCause,
    },
    /// The store failed; the room in memory is no longer what is stored: drop it, roll back, open it again.
    #[error("{step} in the store")]
    Store {
        /// What was attempted.
        step: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored is not what was saved.
    #[error("reading {what}: it is damaged or incomplete")]
    Damaged {
        /// Which record.
        what: String,
    },
    /// A rule of the room or of all rooms.
    #[error("{step}: {breach}")]
    Rule {
        /// What was attempted.
        step: &'static str,
        /// The rule.
        breach: RuleBreach,
    },
    /// The message can't be read or has no place here.
    #[error("reading a message for \"{group}\": {refused}")]
    Message {
        /// The room that got it.
        group: GroupId,
        /// What is wrong with it.
        refused: Refused,
    },
    /// The certificate is not one this side may use.
    #[error("\"{uri}\" {why}")]
    Certificate {
        /// Whose.
        uri: MemberUri,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key package for somebody else, or not one at all.
    #[error("adding \"{expected}\": the key package is not theirs ({why})")]
    KeyPackage {
        /// Whom we meant to add.
        expected: MemberUri,
        /// What the package says instead.
        why: String,
    },
    /// The URI is no member.
    #[error("\"{member}\" is not a member of \"{group}\"")]
    NotAMember {
        /// The room.
        group: GroupId,
        /// Who was looked for.
        member: MemberUri,
    },
    /// A handshake of an epoch that is over, or not yet begun.
    #[error("a handshake for epoch {epoch} of \"{group}\", which is at epoch {current}")]
    OtherEpoch {
        /// The room.
        group: GroupId,
        /// The message's epoch.
        epoch: u64,
        /// The room's.
        current: u64,
    },
    /// A commit of ours waits for its place in the log.
    #[error(
        "a commit of this device for \"{0}\" waits for its answer; process the log or drop the commit first"
    )]
    CommitPending(GroupId),
    /// A removal waits, and nothing else may be sent in this epoch (RFC 9420 section 12.4).
    #[error("a removal waits in \"{0}\"; commit before sending")]
    CommitRequired(GroupId),
    /// Our own removal waits: only another member can commit now.
    #[error("this device is about to be removed from \"{0}\"; another member has to commit it")]
    Leaving(GroupId),
    /// This device is not in the group any more.
    #[error("this device was removed from \"{0}\"")]
    Removed(GroupId),
    /// No secret for any of the Welcome's key packages.
    #[error(
        "joining: the Welcome is for none of this device's key packages (used once already, or of another device)"
    )]
    NotForUs,
}

impl E2eeError {
    pub(crate) fn mls(step: &'static str) -> impl FnOnce(MlsError) -> Self {
        move |error| Self::Mls { step, cause: MlsCause::new(error) }
    }

    pub(crate) fn rule(step: &'static str) -> impl FnOnce(RuleBreach) -> Self {
        move |breach| Self::Rule { step, breach }
    }

    pub(crate) fn store<E: std::error::Error + Send + Sync + 'static>(
        step: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Store { step, source: Box::new(source) }
    }
}
