//! `CreateRoom`: a room of one device, which begins with generation 0 at seq 1.

use std::sync::Arc;

use bytes::Bytes;
use wickr_base::{Generation, MessageId, RoomId, Seq};
use wickr_store::queue::{At, EntryKind, Handshake, Next, Operation, Place};
use wickr_wire::relay::CreateRoom;

use super::away;
use super::{check_sizes, room_state};
use crate::outbox::{Connection, Outgoing, Who};
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::submit::sequenced;

impl Relay {
    pub(crate) async fn create_room(
        &self,
        connection: &Arc<Connection>,
        who: &Who,
        create: CreateRoom,
    ) -> Result<Place, Refusal> {
        check_sizes(&[("the GroupInfo", &create.group_info), ("the tree", &create.tree)])?;
        let room: RoomId = create.room.parse().map_err(|_| Refusal::malformed("the room id"))?;
        let (bench, id, creator) = (self.bench()?, room.clone(), who.uri.clone());
        let state = away(move || {
            let (info, tree) = (&create.group_info, &create.tree);
            let observer = bench.hub.create(&id, &creator, info, tree, bench.now)?;
            room_state(&observer, info)
        });
        let handshake = Handshake {
            room: room.clone(),
            at: At::New { owner: who.user },
            next: Next { generation: Generation(0), epoch: 0, removed_leaf: false },
            sender: Some(who.device),
            id: MessageId(*room.uuid().as_bytes()),
            kind: EntryKind::GenerationStarted,
            body: Bytes::new(),
            state: state.await?,
            joined: vec![who.uri.clone()],
            left: Vec::new(),
            welcome: None,
        };
        let created = sequenced(self.ask(Operation::Handshake(Box::new(handshake))).await?)?;
        if let Some(live) = self.rooms.get(&*self.store, &room).await? {
            connection.send(Outgoing::Joined { room: live, from: Seq(1) });
        }
        Ok(created.place)
    }
}
