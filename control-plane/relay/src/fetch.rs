//! What members ask for: the tree that a Welcome needs, and who is in the room.

use wickr_base::Generation;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{FetchRoster, FetchTree, Roster, Tree, reply};

use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;

impl Relay {
    pub(crate) async fn fetch_tree(&self, who: &Who, fetch: &FetchTree) -> Result<reply::Outcome, Refusal> {
        let room = self.member_room(&fetch.room, &who.uri).await?;
        let tree = self.store.tree(room.number, Generation(fetch.generation), fetch.epoch).await?;
        let tree = tree.ok_or_else(|| {
            let detail = "there is no Welcome to that epoch that anybody still waits for";
            Refusal::new(ProblemCode::NotFound, detail)
        })?;
        Ok(reply::Outcome::Tree(Tree { tree }))
    }

    pub(crate) async fn fetch_roster(
        &self,
        who: &Who,
        fetch: &FetchRoster,
    ) -> Result<reply::Outcome, Refusal> {
        let room = self.member_room(&fetch.room, &who.uri).await?;
        let live = room.live.lock();
        Ok(reply::Outcome::Roster(Roster {
            generation: live.meta.generation.0,
            epoch: live.meta.epoch,
            members: live.members.iter().map(ToString::to_string).collect(),
        }))
    }
}
