//! Four devices of two people, by the client library in this process, in one room.

use anyhow::{Context, Result};
use wickr_base::RoomId;
use wickr_scenarios::device::Device;
use wickr_scenarios::suite::Suite;
use wickr_sdk::Error;

pub(crate) struct Crowd<'a> {
    pub(super) suite: &'a Suite,
    /// Alice's phone and tablet, and bob's phone.
    pub(super) present: [Device; 3],
    /// Bob's tablet, which is switched off at the worst of times.
    pub(super) away: Device,
    pub(super) room: RoomId,
}

impl<'a> Crowd<'a> {
    pub(crate) async fn gather(suite: &'a Suite) -> Result<Self> {
        let (phone, tablet, bob, away) = tokio::try_join!(
            suite.device("alice", "phone"),
            suite.device("alice", "tablet"),
            suite.device("bob", "phone"),
            suite.device("bob", "tablet"),
        )?;
        let room = room(&phone, "the crowd", [&tablet, &bob, &away]).await?;
        Ok(Self { suite, present: [phone, tablet, bob], away, room })
    }

    /// A further room of all four.
    pub(super) async fn meet_in(&self, name: &str) -> Result<RoomId> {
        let [phone, tablet, bob] = &self.present;
        room(phone, name, [tablet, bob, &self.away]).await
    }
}

async fn room(phone: &Device, name: &str, others: [&Device; 3]) -> Result<RoomId> {
    let client = phone.client()?;
    let room = client.create_room(name).await.context("making a room")?;
    // Her own tablet too, unless her phone was faster, which looks after that by itself.
    for person in [phone, others[1]] {
        let handle = person.client()?.account().handle;
        match client.invite(&room, &handle).await {
            Ok(_) | Err(Error::AlreadyMembers { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("inviting {handle}")),
        }
    }
    // These people have other devices, too, from the story before; those are switched off.
    let devices = |device: &Device| {
        let known = device.client()?.room(&room).context("reading a room")?;
        Ok::<_, anyhow::Error>(known.map_or(0, |known| known.devices))
    };
    for device in [&[phone][..], &others].concat() {
        let everybody = |device: &Device| Ok(devices(device)? >= 4 && devices(device)? == devices(phone)?);
        device.until("everybody to be in the room", everybody).await?;
    }
    Ok(room)
}
