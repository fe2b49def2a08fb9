//! Reading the model; nothing that has expired is shown, whether it was purged or not.

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use wickr_base::{DeviceId, Generation, Incarnation, MessageId, RoomId, Seq, UnixMillis};

use super::super::{
    BackupDone, Disk, Entry, Followed, InboxItem, Membership, Operation, Place, PoolCount, QueueStore,
    Rejected, Room, RoomNumber, StoreError, Trim, Usage,
};
use super::{ModelStore, State, Submitted};

#[async_trait]
impl<T: Send + 'static> QueueStore<T> for ModelStore<T> {
    fn submit(&self, operation: Operation, ticket: T) -> Result<(), Rejected<T>> {
        self.complete(operation, ticket);
        Ok(())
    }

    fn waiting(&self) -> usize {
        0
    }

    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn now(&self) -> UnixMillis {
        let mut state = self.state.lock();
        self.look_at_the_clock(&mut state);
        state.time
    }

    async fn room(&self, id: &RoomId) -> Result<Option<Room>, StoreError> {
        let state = self.state.lock();
        let room = state.numbers.get(id).and_then(|number| state.room(*number));
        Ok(room.map(|room| Room {
            meta: room.meta.clone(),
            members: room.members.clone(),
            removals: room.removals.iter().copied().collect(),
        }))
    }

    async fn state(&self, room: RoomNumber) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state.lock().room(room).map(|room| room.state.clone()))
    }

    async fn memberships(&self, device: DeviceId) -> Result<Vec<Membership>, StoreError> {
        let state = self.state.lock();
        let parts = state.memberships.range((device, RoomNumber(0))..=(device, RoomNumber(u64::MAX)));
        let described = parts.filter_map(|((_, number), part)| {
            Some(Membership {
                room: state.room(*number)?.meta.clone(),
                from: part.from,
                until: part.until,
                acknowledged: part.acknowledged,
            })
        });
        Ok(described.collect())
    }

    async fn log(
        &self,
        room: RoomNumber,
        after: Seq,
        through: Seq,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let now = self.now();
        let state = self.state.lock();
        let (mut entries, mut bytes) = (Vec::new(), 0);
        if after >= through {
            return Ok(entries);
        }
        for entry in state.live(room, after, through, now) {
            if !entries.is_empty() && bytes + entry.body.len() > max_bytes {
                break;
            }
            bytes += entry.body.len();
            entries.push(entry.clone());
        }
        Ok(entries)
    }

    async fn inbox(
        &self,
        device: DeviceId,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<InboxItem>, StoreError> {
        let now = self.now();
        let state = self.state.lock();
        let (mut items, mut bytes) = (Vec::new(), 0);
        let Some(inbox) = state.inboxes.get(&device) else { return Ok(items) };
        for (&number, &(room, generation, epoch, place)) in inbox.items.range(after.saturating_add(1)..) {
            let Some(waiting) = state.welcomes.get(&(room, generation, epoch)).filter(|one| one.until > now)
            else {
                continue;
            };
            if !items.is_empty() && bytes + waiting.message.len() > max_bytes {
                break;
            }
            bytes += waiting.message.len();
            let Some(room) = state.room(room).map(|room| room.meta.id.clone()) else { continue };
            items.push(InboxItem {
                number,
                room,
                generation,
                epoch,
                place,
                welcome: waiting.message.clone(),
            });
        }
        Ok(items)
    }

    async fn tree(
        &self,
        room: RoomNumber,
        generation: Generation,
        epoch: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        let now = self.now();
        let state = self.state.lock();
        let waiting = state.welcomes.get(&(room, generation, epoch)).filter(|one| one.until > now);
        Ok(waiting.map(|waiting| waiting.tree.clone()))
    }

    async fn pool(&self, device: DeviceId) -> Result<PoolCount, StoreError> {
        let now = self.now();
        let state = self.state.lock();
        let pool = state.pools.iter().find(|((_, one), _)| *one == device);
        Ok(pool.map(|(_, pool)| pool.count(now)).unwrap_or_default())
    }

    async fn revoked(&self) -> Result<Vec<DeviceId>, StoreError> {
        Ok(self.state.lock().revoked.iter().copied().collect())
    }

    async fn rooms_with_removals(&self) -> Result<Vec<RoomId>, StoreError> {
        let state = self.state.lock();
        let due = state.rooms.values().filter(|room| !room.removals.is_empty());
        Ok(due.map(|room| room.meta.id.clone()).collect())
    }

    async fn followed(&self) -> Result<Option<Followed>, StoreError> {
        Ok(self.state.lock().followed)
    }

    async fn answered(&self, device: DeviceId, id: MessageId) -> Result<Option<Place>, StoreError> {
        self.now();
        let answer = self.state.lock().answered(device, Submitted::Handshake, id);
        Ok(answer.map(|sequenced| sequenced.place))
    }

    async fn trimmable(&self, at_most: usize) -> Result<Vec<Trim>, StoreError> {
        self.now();
        Ok(self.state.lock().trimmable(at_most))
    }

    async fn canary(&self) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.state.lock().canary)
    }

    async fn usage(&self) -> Result<Usage, StoreError> {
        let state = self.state.lock();
        Ok(Usage { rooms: state.rooms.len() as u64, devices: state.pools.len() as u64 })
    }

    async fn oldest_undelivered(&self) -> Result<Option<UnixMillis>, StoreError> {
        let now = self.now();
        let state = self.state.lock();
        let first = state.memberships.iter().filter_map(|((_, number), part)| {
            let last = part.until.or_else(|| Some(state.room(*number)?.meta.head))?;
            let next = state.live(*number, part.acknowledged, last, now).next()?;
            Some(next.place.time)
        });
        Ok(first.min())
    }

    async fn disk(&self) -> Result<Disk, StoreError> {
        Ok(Disk { free: u64::MAX, total: u64::MAX })
    }

    async fn backup(&self, _: PathBuf) -> Result<BackupDone, StoreError> {
        Err(StoreError::Failed { attempted: "backing up", cause: "the model is in memory only".to_owned() })
    }
}

impl State {
    fn live(
        &self,
        room: RoomNumber,
        after: Seq,
        through: Seq,
        now: UnixMillis,
    ) -> impl Iterator<Item = &Entry> {
        let range = (after < through).then(|| after.next()..=through);
        let entries = self.room(room).zip(range).map(|(room, range)| room.log.range(range));
        entries
            .into_iter()
            .flatten()
            .map(|(_, entry)| entry)
            .filter(move |entry| entry.expires_at.is_none_or(|at| at > now))
    }
}
