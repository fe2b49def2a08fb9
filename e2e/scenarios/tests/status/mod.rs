//! The acts of level4_status: a file for each of the two networks, one about both, one about who watches, and what all
//! stand on.

mod alerts;
mod headquarters;
mod outpost;
mod provider;
mod stage;
mod storage;

pub(crate) use alerts::nobody_operates;
pub(crate) use headquarters::play as headquarters;
pub(crate) use outpost::play as outpost;
pub(crate) use provider::goes_away as the_provider_goes_away;
