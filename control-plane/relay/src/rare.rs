//! The rare requests of a device, and where each is done.

use std::sync::Arc;

use wickr_wire::relay::{Sequenced as WireSequenced, client_frame, reply};

use crate::limits::Allowance;
use crate::outbox::{Connection, Who};
use crate::refusal::Refusal;
use crate::relay::Relay;
use wickr_store::queue::Place;

impl Relay {
    pub(crate) async fn rare(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        used: &Allowance,
        who: &Who,
        body: client_frame::Body,
    ) -> Result<reply::Outcome, Refusal> {
        use client_frame::Body;
        match body {
            Body::PublishKeyPackages(publish) => self.publish(who, publish).await,
            Body::ClaimKeyPackages(claim) => self.claim(used, who, claim).await,
            Body::CreateRoom(create) => self.create_room(connection, who, create).await.map(place),
            Body::SubmitCommit(submit) => self.submit_commit(who, submit).await.map(place),
            Body::SubmitProposal(submit) => self.submit_proposal(who, submit).await.map(place),
            Body::NextGeneration(next) => self.next_generation(who, next).await.map(place),
            Body::FetchTree(fetch) => self.fetch_tree(who, &fetch).await,
            Body::FetchRoster(fetch) => self.fetch_roster(who, &fetch).await,
            Body::Authenticate(_) | Body::Resume(_) | Body::SendMessage(_) | Body::Acknowledge(_) => {
                Err(Refusal::malformed("the frame"))
            }
        }
    }
}

fn place(place: Place) -> reply::Outcome {
    reply::Outcome::Sequenced(WireSequenced { seq: place.seq.0, time_ms: place.time.0 })
}
