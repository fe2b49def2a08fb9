//! The observer's state of a room as it lies in the store: snapshot, tree, and the newest GroupInfo.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use wickr_base::{MemberUri, RoomId, UnixMillis};
use wickr_e2ee::{Hub, Judgement, Observer};
use wickr_store::queue::RoomMeta;

use crate::live::Live;
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::room::Room;

/// What a judgement is made with, away from the async threads.
pub(crate) struct Bench {
    pub(crate) hub: Hub,
    pub(crate) live: Arc<Live>,
    pub(crate) now: UnixMillis,
    /// How many people a room may have.
    pub(crate) room_members: NonZeroU32,
}

impl Bench {
    /// Judges with what is known at this moment.
    pub(crate) fn judge<R>(&self, submitter: &MemberUri, judge: impl FnOnce(&Judgement<'_>) -> R) -> R {
        let revoked = |uri: &MemberUri| uri.device().is_some_and(|(_, device)| self.live.is_revoked(device));
        judge(&Judgement { now: self.now, submitter, revoked: &revoked })
    }
}

impl Relay {
    pub(crate) fn bench(&self) -> Result<Bench, Refusal> {
        let (live, room_members) = (Arc::clone(&self.live), self.limits.room_members());
        Ok(Bench { hub: self.hub()?, live, now: self.now(), room_members })
    }

    /// A room that the device is a member of.
    pub(crate) async fn member_room(&self, name: &str, member: &MemberUri) -> Result<Arc<Room>, Refusal> {
        let id: RoomId = name.parse().map_err(|_| Refusal::malformed("the room id"))?;
        let room = self.rooms.get(&*self.store, &id).await?;
        let room = room.ok_or_else(|| Refusal::no_room(name))?;
        let is_member = member.device().is_some_and(|(_, device)| room.live.lock().has(device));
        if is_member { Ok(room) } else { Err(Refusal::not_a_member(name)) }
    }

    /// Where the room stands and the observer's state of it; under the room's handshake lock both are of one moment.
    pub(crate) async fn stand(&self, room: &Room) -> Result<(RoomMeta, Bytes), Refusal> {
        let meta = room.live.lock().meta.clone();
        let state = self.store.state(room.number).await?;
        Ok((meta, state.ok_or_else(|| Refusal::internal("reading the room"))?))
    }
}

/// Runs a judgement on a blocking thread: with hundreds of members it takes milliseconds.
pub(crate) async fn away<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, Refusal> + Send + 'static,
) -> Result<R, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Refusal::internal("judging")))
}

/// The observer that a state holds.
pub(crate) fn observe(hub: &Hub, state: &Bytes) -> Result<Observer, Refusal> {
    let damaged = || {
        tracing::error!("the observer's state of a room can't be read");
        Refusal::internal("reading the room")
    };
    let (snapshot, rest) = part(state).ok_or_else(damaged)?;
    let (tree, _) = part(rest).ok_or_else(damaged)?;
    hub.restore(snapshot, tree).map_err(|error| {
        tracing::error!(%error, "the observer of a room can't be brought back");
        Refusal::internal("reading the room")
    })
}

/// The state that holds an observer.
pub(crate) fn room_state(observer: &Observer, group_info: &[u8]) -> Result<Bytes, Refusal> {
    let written = observer.snapshot().and_then(|snapshot| Ok((snapshot, observer.tree()?)));
    let (snapshot, tree) = written.map_err(|error| {
        tracing::error!(%error, "the observer of a room can't be written");
        Refusal::internal("writing the room")
    })?;
    let mut state = BytesMut::with_capacity(8 + snapshot.len() + tree.len() + group_info.len());
    for part in [&snapshot, &tree] {
        state.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
        state.put_slice(part);
    }
    state.put_slice(group_info);
    Ok(state.freeze())
}

/// The GroupInfo of the newest epoch that a state holds.
pub(crate) fn group_info(state: &Bytes) -> &[u8] {
    part(state).and_then(|(_, rest)| part(rest)).map_or(&[], |(_, group_info)| group_info)
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
