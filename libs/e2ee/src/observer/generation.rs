//! The room's next group (`NextGeneration`): repair and restore are this one path. How a member makes it:
//! `member::generation`.

use std::collections::HashSet;

use wickr_base::{Domain, MemberUri, UserId};
use wickr_wire::ProblemCode;

use super::commit::Judgement;
use super::hub::Hub;
use super::state::Observer;
use crate::Refused;

impl Hub {
    /// Whether a fresh group may follow `previous`.
    ///
    /// Demanded: the submitter is on the last roster, signed the GroupInfo and is a member of the new group; every user
    /// of the new group was on the last roster; the rules are unchanged; no device is revoked; and all that holds for a
    /// new room except that it may have members already (every leaf's certificate and key package valid at `now`).
    ///
    /// A restored relay's last roster may have people on it who have left since. The relay can't know; members do, take
    /// no group with them in it, and go on in the one after it, which may leave anybody out.
    pub fn next_generation(
        &self,
        previous: &Observer,
        group_info: &[u8],
        tree: &[u8],
        judgement: &Judgement<'_>,
    ) -> Result<Observer, Refused> {
        let maker = judgement.submitter;
        let id = previous.group().room.group(previous.group().generation.next());
        if !previous.contains(maker) {
            let detail = format!("\"{maker}\" is not on the last roster of \"{}\"", id.room);
            return Err(Refused::new(ProblemCode::NotAMember, detail));
        }
        if (judgement.revoked)(maker) {
            return Err(Refused::new(ProblemCode::DeviceRevoked, format!("\"{maker}\" has been revoked")));
        }
        let next = self.observe(&id, maker, group_info, tree, judgement.now)?;
        if next.rules() != previous.rules() {
            return Err(Refused::commit("a new generation keeps the room's rules as they were"));
        }
        let users: HashSet<(&Domain, UserId)> =
            previous.roster().filter_map(|member| user(&member.uri)).collect();
        for member in next.roster() {
            if (judgement.revoked)(&member.uri) {
                return Err(Refused::commit(format!(
                    "\"{}\" has been revoked and can't be a member",
                    member.uri
                )));
            }
            if !user(&member.uri).is_some_and(|user| users.contains(&user)) {
                let detail =
                    format!("the user of \"{}\" was not on the last roster; add them afterwards", member.uri);
                return Err(Refused::commit(detail));
            }
        }
        Ok(next)
    }
}

fn user(uri: &MemberUri) -> Option<(&Domain, UserId)> {
    uri.device().map(|(user, _)| (uri.domain(), user))
}
