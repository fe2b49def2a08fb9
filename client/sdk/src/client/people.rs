//! Who is who: handles from the directory, kept, so that rosters and messages show names also offline.

use wickr_base::{DeviceId, Handle, RoomId, UserId};

use super::core::Core;
use crate::Error;

/// A person in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// What they are called, where known.
    pub handle: Option<Handle>,
    /// Their devices in the room.
    pub devices: Vec<DeviceId>,
    /// They are to be removed by the next commit.
    pub leaving: bool,
}

impl Core {
    /// The people of a room in the order of their handles.
    pub(super) fn members(&self, id: &RoomId) -> Result<Vec<Member>, Error> {
        let room = self.room(id)?;
        let group = self.open(&room)?.ok_or_else(|| Error::NotAMember(id.clone()))?;
        let leaving = group.pending_removals();
        let mut members: Vec<Member> = Vec::new();
        for leaf in group.roster() {
            let Some((user, device)) = leaf.uri.device() else { continue };
            let leaving = leaving.contains(&leaf.uri);
            if let Some(member) = members.iter_mut().find(|member| member.user == user) {
                member.devices.push(device);
                member.leaving &= leaving;
            } else {
                let handle = self.handle(user)?;
                members.push(Member { user, handle, devices: vec![device], leaving });
            }
        }
        members.sort_by(|a, b| (&a.handle, a.user).cmp(&(&b.handle, b.user)));
        Ok(members)
    }

    /// The handle as far as it is known here.
    pub(super) fn handle(&self, user: UserId) -> Result<Option<Handle>, Error> {
        let account = self.account();
        if account.user == user {
            return Ok(Some(account.handle));
        }
        Ok(self.store.handle(user)?)
    }

    /// Asks the directory about people of this device's rooms whose handles are not known yet.
    pub(super) async fn learn_handles(&self) -> Result<(), Error> {
        let mut unknown = Vec::new();
        for room in self.store.rooms()? {
            for user in room.users {
                if !unknown.contains(&user) && self.handle(user)?.is_none() {
                    unknown.push(user);
                }
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        for user in unknown {
            self.learn_handle(user).await?;
        }
        Ok(())
    }

    pub(super) async fn learn_handle(&self, user: UserId) -> Result<(), Error> {
        let token = self.token().await?;
        let person = self.sso().person(user, &token).await?;
        self.store.save_handle(person.user, &person.handle)?;
        self.announce();
        Ok(())
    }
}
