//! Taking key packages of others, within limits: each claim uses up what can be used once.

use std::sync::Arc;
use std::time::Duration;

use wickr_base::UserId;
use wickr_store::queue::{Operation, Outcome};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{ClaimKeyPackages, ClaimedPackage, KeyPackages, reply};

use crate::outbox::Connection;
use crate::refusal::Refusal;
use crate::relay::Relay;

/// People in one claim.
const MAX_USERS: usize = 100;

/// A package must live at least so long, or its joiner might come too late.
const LIVES: Duration = Duration::from_hours(24);

/// People whose packages one connection may claim: so many at once, and one more every so many milliseconds.
const BURST: u64 = 600;
const REFILL_MS: u64 = 500;

/// How much of its allowance a connection has used; leaks away with time.
#[derive(Default)]
pub(crate) struct Allowance {
    used: u64,
    at: u64,
}

impl Allowance {
    /// Uses `wanted` at `now` (monotonic milliseconds), or says no.
    pub(crate) fn spend(&mut self, wanted: u64, now: u64) -> bool {
        let back = now.saturating_sub(self.at) / REFILL_MS;
        self.used = self.used.saturating_sub(back);
        self.at = if self.used == 0 { now } else { self.at + back * REFILL_MS };
        let allowed = self.used + wanted <= BURST;
        if allowed {
            self.used += wanted;
        }
        allowed
    }
}

impl Relay {
    pub(crate) async fn claim(
        &self,
        connection: &Arc<Connection>,
        claim: ClaimKeyPackages,
    ) -> Result<reply::Outcome, Refusal> {
        if claim.users.len() > MAX_USERS {
            let detail = format!("a claim names at most {MAX_USERS} people; ask in parts");
            return Err(Refusal::new(ProblemCode::TooMany, detail));
        }
        let users: Result<Vec<UserId>, _> = claim.users.iter().map(|user| user.parse()).collect();
        let users = users.map_err(|_| Refusal::malformed("a user id"))?;
        if !connection.claims.lock().spend(users.len() as u64, self.ticks()) {
            let detail = "too many key packages claimed in a short time; wait a minute";
            return Err(Refusal::new(ProblemCode::TooMany, detail));
        }
        let asked = users.len();
        let live_at = self.now().plus(LIVES);
        let Outcome::Claimed(claimed) = self.ask(Operation::Claim { users, live_at }).await? else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_and_comes_back_with_time() {
        let mut allowance = Allowance::default();
        assert!(allowance.spend(BURST, 0));
        assert!(!allowance.spend(1, REFILL_MS - 1));
        assert!(allowance.spend(1, REFILL_MS));
        assert!(!allowance.spend(2, 2 * REFILL_MS));
        assert!(allowance.spend(BURST, REFILL_MS * (BURST + 3)));
    }
}
