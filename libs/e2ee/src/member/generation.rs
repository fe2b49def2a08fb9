//! A fresh group for the same room, for repair and after a restore. How the relay judges it: `observer::generation`.

use wickr_base::{GroupId, UnixMillis};

use super::commit::Invited;
use super::engine::Engine;
use super::room::{Room, read_roster};
use crate::{E2eeError, RoomRules};

/// A group that is ready at once: nobody else was in it when its members were added.
#[derive(Debug)]
pub struct NewGeneration {
    /// The group, at the epoch of `group_info`. Save it before sending the rest; delete it if the relay takes another.
    pub room: Room,
    /// MLSMessage(GroupInfo), without the tree.
    pub group_info: Vec<u8>,
    /// The ratchet tree of the same epoch.
    pub tree: Vec<u8>,
    /// For all who were invited; none when nobody was.
    pub welcome: Option<Vec<u8>>,
}

impl Engine {
    /// Makes the room's next group and adds the devices, all in one step (RFC 9420 section 11).
    ///
    /// The relay takes it only with rules unchanged and users who were on the last roster.
    pub fn next_generation(
        &self,
        group: &GroupId,
        rules: &RoomRules,
        invited: &[Invited<'_>],
        now: UnixMillis,
    ) -> Result<NewGeneration, E2eeError> {
        let mut room = self.create(group, rules, now)?;
        let mut welcome = None;
        if !invited.is_empty() {
            welcome = room.add(invited, now)?.welcome;
            room.group.apply_pending_commit().map_err(E2eeError::mls("adding to the new generation"))?;
            room.roster = read_roster(&room.group)?;
        }
        Ok(NewGeneration { group_info: room.group_info()?, tree: room.tree()?, welcome, room })
    }
}
