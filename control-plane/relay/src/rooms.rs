//! Live rooms: loaded when somebody needs them, dropped when nobody does.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use parking_lot::Mutex;
use wickr_base::RoomId;
use wickr_store::queue::{QueueStore, StoreError};

use crate::room::Room;
use crate::ticket::Ticket;

/// Loads of different rooms don't wait for each other, mostly.
const STRIPES: usize = 64;

pub(crate) struct Rooms {
    live: Mutex<HashMap<RoomId, Arc<Room>>>,
    loading: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
}

impl Default for Rooms {
    fn default() -> Self {
        let loading = (0..STRIPES).map(|_| tokio::sync::Mutex::default()).collect();
        Self { live: Mutex::default(), loading, hasher: RandomState::new() }
    }
}

impl Rooms {
    /// The room, from memory or from the store. Two loads of one room never overlap, so that none brings back what a
    /// handshake has changed in between.
    pub(crate) async fn get(
        &self,
        store: &dyn QueueStore<Ticket>,
        id: &RoomId,
    ) -> Result<Option<Arc<Room>>, StoreError> {
        if let Some(room) = self.live.lock().get(id) {
            return Ok(Some(Arc::clone(room)));
        }
        let stripe = usize::try_from(self.hasher.hash_one(id)).unwrap_or(0) % STRIPES;
        let _turn = self.loading[stripe].lock().await;
        if let Some(room) = self.live.lock().get(id) {
            return Ok(Some(Arc::clone(room)));
        }
        let Some(stored) = store.room(id).await? else { return Ok(None) };
        let room = Arc::new(Room::new(stored));
        self.live.lock().insert(id.clone(), Arc::clone(&room));
        Ok(Some(room))
    }

    /// Drops rooms that nobody holds; gives how many are left.
    pub(crate) fn drop_idle(&self) -> usize {
        let mut live = self.live.lock();
        live.retain(|_, room| Arc::strong_count(room) > 1);
        live.len()
    }
}
