//! The relay's side: follows a group's public handshakes without being a member, and judges what may enter the log.
//!
//! What an observer can't know (RFC 9420 sections 6.1, 8.1): path secrets, confirmation tags and membership tags need
//! the group's secrets. A member can therefore send a commit that the observer takes and no member can apply. Members
//! who can't apply one report it; a GroupInfo of the new epoch by another member than the committer (`Observer::
//! check_group_info`) confirms or denies it. The relay keeps the snapshot before each commit for that.

mod commit;
mod generation;
mod hub;
mod proposal;
mod snapshot;
mod state;

pub use commit::{Accepted, Added, Judgement};
pub use hub::Hub;
pub use proposal::AcceptedProposal;
pub use state::Observer;
