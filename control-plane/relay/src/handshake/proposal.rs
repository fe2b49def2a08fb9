//! `SubmitProposal`: a device asks to leave. The next commit must carry it out; the only leaf ends the room with it.

use bytes::Bytes;
use wickr_base::{Generation, MemberUri, MessageId};
use wickr_store::queue::{At, EntryKind, Handshake, Next, Operation, Place, RoomMeta};
use wickr_wire::relay::SubmitProposal;

use super::{TRIES, check_sizes, observe, outrun, room_state, submission};
use super::{away, group_info};
use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::submit::Undone;
use crate::ticket::RoomChange;

impl Relay {
    pub(crate) async fn submit_proposal(&self, who: &Who, submit: SubmitProposal) -> Result<Place, Refusal> {
        let id = submission(&submit.id)?;
        check_sizes(&[("a proposal", &submit.proposal)])?;
        if let Some(place) = self.store.answered(who.device, id).await? {
            return Ok(place);
        }
        let room = self.member_room(&submit.room, &who.uri).await?;
        for _ in 0..TRIES {
            let _turn = room.handshake.lock().await;
            let (meta, state) = self.stand(&room).await?;
            let generation = Generation(submit.generation);
            meta.meets(&At::Current { generation, epoch: submit.epoch, revision: meta.revision })?;
            let (bench, uri, proposal) = (self.bench()?, who.uri.clone(), submit.proposal.clone());
            let judged = away(move || {
                let observer = observe(&bench.hub, &state)?;
                let alone = observer.roster().len() == 1;
                let accepted =
                    bench.judge(&uri, |judgement| observer.judge_proposal(&proposal, judgement))?;
                Ok((room_state(&accepted.next, group_info(&state))?, alone))
            });
            let (state, alone) = judged.await.map_err(|refusal| refusal.placed(&meta))?;
            let left = if alone { vec![who.uri.clone()] } else { Vec::new() };
            let handshake = proposed(&meta, Some(who), id, submit.proposal.clone(), state, left.clone());
            let change = RoomChange { next: handshake.next, joined: Vec::new(), left };
            match self.ask_handshake(Operation::Handshake(Box::new(handshake)), &room, change).await {
                Err(Undone::Conflict) => {}
                Err(Undone::Refused(refusal)) => return Err(refusal),
                Ok(sequenced) => return Ok(sequenced.place),
            }
        }
        Err(outrun())
    }
}

/// A proposal for the log: the room stays at its epoch.
pub(crate) fn proposed(
    meta: &RoomMeta,
    sender: Option<&Who>,
    id: MessageId,
    proposal: Bytes,
    state: Bytes,
    left: Vec<MemberUri>,
) -> Handshake {
    Handshake {
        room: meta.id.clone(),
        at: At::Current { generation: meta.generation, epoch: meta.epoch, revision: meta.revision },
        next: Next { generation: meta.generation, epoch: meta.epoch, removed_leaf: false },
        sender: sender.map(|who| who.device),
        id,
        kind: EntryKind::Proposal,
        body: proposal,
        state,
        joined: Vec::new(),
        left,
        welcome: None,
    }
}
