//! `NextGeneration`: a fresh group for the same room, by whoever of its last roster comes first (repair, restore).

use bytes::Bytes;
use wickr_base::{DeviceId, Generation, MemberUri};
use wickr_e2ee::welcome_references;
use wickr_store::queue::{At, EntryKind, Handshake, Next, Operation, Place, Welcome};
use wickr_wire::ProblemCode;
use wickr_wire::relay::NextGeneration;

use super::away;
use super::state::Bench;
use super::{TRIES, at_most_one, check_sizes, observe, outrun, room_state, submission};
use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::room::devices;
use crate::submit::Undone;
use crate::ticket::RoomChange;

impl Relay {
    pub(crate) async fn next_generation(&self, who: &Who, next: NextGeneration) -> Result<Place, Refusal> {
        let id = submission(&next.id)?;
        let none = Bytes::new();
        let welcome = at_most_one(&next.welcomes)?.unwrap_or(&none);
        check_sizes(&[("a GroupInfo", &next.group_info), ("a tree", &next.tree), ("a Welcome", welcome)])?;
        if let Some(place) = self.store.answered(who.device, id).await? {
            return Ok(place);
        }
        let room = self.member_room(&next.room, &who.uri).await?;
        for _ in 0..TRIES {
            let _turn = room.handshake.lock().await;
            let (meta, state) = self.stand(&room).await?;
            let from = Generation(next.from);
            meta.meets(&At::Current { generation: from, epoch: meta.epoch, revision: meta.revision })?;
            let (bench, maker, asked) = (self.bench()?, who.clone(), next.clone());
            let judged = away(move || judge(&bench, &maker, &asked, &state)).await;
            let judged = judged.map_err(|refusal| refusal.placed(&meta))?;
            let handshake = Handshake {
                room: meta.id.clone(),
                at: At::Current { generation: from, epoch: meta.epoch, revision: meta.revision },
                next: Next { generation: from.next(), epoch: judged.epoch, removed_leaf: true },
                sender: Some(who.device),
                id,
                kind: EntryKind::GenerationStarted,
                body: Bytes::new(),
                state: judged.state,
                joined: judged.joined,
                left: judged.left,
                welcome: judged.welcome,
            };
            let change = RoomChange {
                next: handshake.next,
                joined: handshake.joined.clone(),
                left: handshake.left.clone(),
            };
            match self.ask_handshake(Operation::Handshake(Box::new(handshake)), &room, change).await {
                Err(Undone::Conflict) => {}
                Err(Undone::Refused(refusal)) => return Err(refusal),
                Ok(sequenced) => return Ok(sequenced.place),
            }
        }
        Err(outrun())
    }
}

struct Judged {
    epoch: u64,
    state: Bytes,
    joined: Vec<MemberUri>,
    left: Vec<MemberUri>,
    welcome: Option<Welcome>,
}

fn judge(bench: &Bench, who: &Who, next: &NextGeneration, state: &Bytes) -> Result<Judged, Refusal> {
    let previous = observe(&bench.hub, state)?;
    let observer = bench.judge(&who.uri, |judgement| {
        bench.hub.next_generation(&previous, &next.group_info, &next.tree, judgement)
    })?;
    let members = |observer: &wickr_e2ee::Observer| -> Vec<MemberUri> {
        observer.roster().map(|member| member.uri.clone()).collect()
    };
    let (before, after) = (members(&previous), members(&observer));
    let others: Vec<MemberUri> = after.iter().filter(|uri| **uri != who.uri).cloned().collect();
    let welcome = route(at_most_one(&next.welcomes)?, &others, &next.tree)?;
    Ok(Judged {
        epoch: observer.epoch(),
        state: room_state(&observer, &next.group_info)?,
        joined: after.iter().filter(|uri| !previous.contains(uri)).cloned().collect(),
        left: before.into_iter().filter(|uri| !observer.contains(uri)).collect(),
        welcome,
    })
}

/// The one Welcome is for everybody but the maker; it must answer as many key packages as there are others.
fn route(welcome: Option<&Bytes>, others: &[MemberUri], tree: &Bytes) -> Result<Option<Welcome>, Refusal> {
    let answered = welcome.map(|welcome| welcome_references(welcome)).transpose()?.unwrap_or_default();
    if answered.len() != others.len() {
        let detail = "the Welcome must answer one key package of each other member of the new group";
        return Err(Refusal::new(ProblemCode::CommitRefused, detail));
    }
    let recipients: Vec<DeviceId> = devices(others).collect();
    Ok(welcome.map(|message| Welcome { message: message.clone(), tree: tree.clone(), recipients }))
}
