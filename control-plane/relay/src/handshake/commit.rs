//! `SubmitCommit`: the race for an epoch. The first that is durable wins, the others are told where the room stands.

use bytes::Bytes;
use wickr_base::{Generation, MessageId};
use wickr_e2ee::Accepted;
use wickr_store::queue::{At, EntryKind, Handshake, Next, Operation, Place, RoomMeta, Welcome};
use wickr_wire::ProblemCode;
use wickr_wire::relay::SubmitCommit;

use super::away;
use super::size::check_size;
use super::state::Bench;
use super::{TRIES, at_most_one, check_sizes, observe, outrun, room_state, submission};
use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::room::devices;
use crate::submit::Undone;
use crate::ticket::RoomChange;

impl Relay {
    pub(crate) async fn submit_commit(&self, who: &Who, submit: SubmitCommit) -> Result<Place, Refusal> {
        let id = submission(&submit.id)?;
        let none = Bytes::new();
        let welcome = at_most_one(&submit.welcomes)?.unwrap_or(&none);
        let parts =
            [("a commit", &submit.commit), ("a Welcome", welcome), ("a GroupInfo", &submit.group_info)];
        check_sizes(&parts)?;
        if let Some(place) = self.store.answered(who.device, id).await? {
            return Ok(place);
        }
        let room = self.member_room(&submit.room, &who.uri).await?;
        for _ in 0..TRIES {
            let _turn = room.handshake.lock().await;
            let (meta, state) = self.stand(&room).await?;
            meets(&meta, Generation(submit.generation), submit.epoch)?;
            let (bench, who, submit) = (self.bench()?, who.clone(), submit.clone());
            let judged = away(move || judge(&bench, &who, &submit, id, &state)).await;
            let judged = judged.map_err(|refusal| refusal.placed(&meta))?;
            let handshake = judged.handshake(&meta);
            let change = RoomChange {
                next: handshake.next,
                joined: handshake.joined.clone(),
                left: handshake.left.clone(),
            };
            match self.ask_handshake(Operation::Handshake(Box::new(handshake)), &room, change).await {
                Err(Undone::Conflict) => {}
                Err(Undone::Refused(refusal)) => return Err(refusal),
                Ok(sequenced) => {
                    if !room.live.lock().removals.is_empty() {
                        self.removals.add(room.id.clone());
                    }
                    return Ok(sequenced.place);
                }
            }
        }
        Err(outrun())
    }
}

/// The frame says what the commit was made for; where that is over, nothing need be judged.
fn meets(meta: &RoomMeta, generation: Generation, epoch: u64) -> Result<(), Refusal> {
    let at = At::Current { generation, epoch, revision: meta.revision };
    meta.meets(&at).map_err(Refusal::from)
}

struct Judged {
    accepted: Accepted,
    submit: SubmitCommit,
    sender: Who,
    id: MessageId,
    state: Bytes,
    welcome: Option<Welcome>,
}

fn judge(
    bench: &Bench,
    who: &Who,
    submit: &SubmitCommit,
    id: MessageId,
    state: &Bytes,
) -> Result<Judged, Refusal> {
    let observer = observe(&bench.hub, state)?;
    let accepted = bench.judge(&who.uri, |judgement| observer.judge_commit(&submit.commit, judgement))?;
    check_size(&observer, &accepted.next, bench.room_members)?;
    let message = at_most_one(&submit.welcomes)?;
    let recipients = accepted.route_welcome(message.map(AsRef::as_ref))?;
    let signer = accepted.next.check_group_info(&submit.group_info)?;
    if signer != who.uri {
        let detail = "the GroupInfo of the new epoch must be signed by the committer";
        return Err(Refusal::new(ProblemCode::CommitRefused, detail));
    }
    let tree = || {
        accepted.next.tree().map(Bytes::from).map_err(|error| {
            tracing::error!(%error, "a tree can't be exported");
            Refusal::internal("exporting the tree")
        })
    };
    let welcome = match message {
        Some(message) => {
            let recipients = devices(&recipients).collect();
            Some(Welcome { message: message.clone(), tree: tree()?, recipients })
        }
        None => None,
    };
    let state = room_state(&accepted.next, &submit.group_info)?;
    Ok(Judged { accepted, submit: submit.clone(), sender: who.clone(), id, state, welcome })
}

impl Judged {
    fn handshake(self, meta: &RoomMeta) -> Handshake {
        let removed_leaf = !self.accepted.removed.is_empty();
        Handshake {
            room: meta.id.clone(),
            at: At::Current { generation: meta.generation, epoch: meta.epoch, revision: meta.revision },
            next: Next { generation: meta.generation, epoch: self.accepted.epoch, removed_leaf },
            sender: Some(self.sender.device),
            id: self.id,
            kind: EntryKind::Commit,
            body: self.submit.commit,
            state: self.state,
            joined: self.accepted.added.into_iter().map(|added| added.uri).collect(),
            left: self.accepted.removed,
            welcome: self.welcome,
        }
    }
}
