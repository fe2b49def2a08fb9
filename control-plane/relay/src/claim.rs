//! Taking key packages of others, within limits: each claim uses up what can be used once. Who takes too many of one
//! person gets the last-resort package, so that the others are left for somebody else.

use std::time::Duration;

use wickr_base::UserId;
use wickr_store::queue::{Operation, Outcome};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{ClaimKeyPackages, ClaimedPackage, KeyPackages, reply};

use crate::limits::Allowance;
use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;

/// People in one claim.
const MAX_USERS: usize = 100;

/// A package must live at least so long, or its joiner might come too late.
const LIVES: Duration = Duration::from_hours(24);

impl Relay {
    pub(crate) async fn claim(
        &self,
        used: &Allowance,
        who: &Who,
        claim: ClaimKeyPackages,
    ) -> Result<reply::Outcome, Refusal> {
        if claim.users.len() > MAX_USERS {
            let detail = format!("a claim names at most {MAX_USERS} people; ask in parts");
            return Err(Refusal::new(ProblemCode::TooMany, detail));
        }
        let users: Result<Vec<UserId>, _> = claim.users.iter().map(|user| user.parse()).collect();
        let users = users.map_err(|_| Refusal::malformed("a user id"))?;
        let (asked, elapsed) = (users.len(), self.clock.elapsed());
        self.limits.claim(used, asked, elapsed)?;
        let kept = self.limits.kept(who.user, &users, elapsed);
        self.meters.packages_kept.inc_by(kept.len() as u64);
        let live_at = self.now().plus(LIVES);
        let Outcome::Claimed(claimed) = self.ask(Operation::Claim { users, kept, live_at }).await? else {
            return Err(Refusal::internal("claiming key packages"));
        };
        if asked > 0 && claimed.packages.is_empty() {
            let detail = "none of these people has a device with a key package to give";
            return Err(Refusal::new(ProblemCode::NoKeyPackages, detail));
        }
        let package = |one: wickr_store::queue::ClaimedPackage| ClaimedPackage {
            user: one.user.to_string(),
            device: one.device.to_string(),
            package: one.package,
        };
        Ok(reply::Outcome::KeyPackages(KeyPackages {
            packages: claimed.packages.into_iter().map(package).collect(),
            without: claimed.without.into_iter().map(|(_, device)| device.to_string()).collect(),
        }))
    }
}
