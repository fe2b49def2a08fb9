//! What a processed log entry turned out to be.

use wickr_base::{MemberUri, Secret};
use wickr_wire::content::Outer;

/// The meaning of one entry of a room's log.
#[derive(Debug)]
pub enum Event {
    /// A message, opened. `outer` is authenticated with it: what servers read is what the sender wrote.
    Message {
        /// The leaf that sealed it (RFC 9420 section 6.3.2), signed by its device key.
        sender: MemberUri,
        /// The envelope that servers read. Compare with the content; drop and report where they differ.
        outer: Outer,
        /// The encoded `Content`.
        plaintext: Secret<Vec<u8>>,
    },
    /// A message that this device sealed: it can't be opened again, its text is in the outbox under `outer.message_id`.
    OwnMessage {
        /// As delivered; not verified.
        outer: Outer,
    },
    /// The group moved to the next epoch.
    Committed(Committed),
    /// The group moved on without this device. Delete its records; nothing later can be opened.
    Removed {
        /// Who committed it.
        committer: MemberUri,
    },
    /// A removal waits: the next commit must contain it, and nobody may send before (RFC 9420 section 12.4).
    RemovalProposed(RemovalProposed),
}

/// A commit that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The epoch that began.
    pub epoch: u64,
    /// Who committed.
    pub committer: MemberUri,
    /// This device's own commit, come back.
    pub own: bool,
    /// Who joined.
    pub added: Vec<MemberUri>,
    /// Who left or was removed.
    pub removed: Vec<MemberUri>,
    /// The committer's leaf carries a new certificate.
    pub renewed: bool,
    /// The room's rules changed; read them from `Room::rules`.
    pub rules_changed: bool,
}

/// A Remove that stands alone in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalProposed {
    /// Who is to go.
    pub member: MemberUri,
    /// The device asks to leave; otherwise the hub has it removed.
    pub by_itself: bool,
}
