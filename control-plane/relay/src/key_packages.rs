//! Key packages of a device: checked one by one, then added to its pool.

use wickr_store::queue::{Operation, Outcome, PoolCount, PoolEntry, Publish};
use wickr_wire::ProblemCode;
use wickr_wire::relay::{KeyPackageCount, PublishKeyPackages, reply};

use crate::outbox::Who;
use crate::refusal::Refusal;
use crate::relay::Relay;

/// Largest key package: a leaf, its certificate, a few extensions.
const MAX_PACKAGE_BYTES: usize = 16 * 1024;

impl Relay {
    /// With nothing to publish it is the question how many there are.
    pub(crate) async fn publish(
        &self,
        who: &Who,
        publish: PublishKeyPackages,
    ) -> Result<reply::Outcome, Refusal> {
        if publish.one_time.is_empty() && publish.last_resort.is_empty() && !publish.replace {
            return Ok(count(self.store.pool(who.device).await?));
        }
        let most = wickr_store::queue::MAX_POOL as usize;
        if publish.one_time.len() > most {
            let detail = format!("a pool takes at most {most} key packages");
            return Err(Refusal::new(ProblemCode::TooMany, detail));
        }
        let replace = publish.replace;
        let (network, uri, now) = (self.hub()?.network().clone(), who.uri.clone(), self.now());
        let checked = tokio::task::spawn_blocking(move || {
            let check = |package: bytes::Bytes, last_resort: bool| {
                if package.len() > MAX_PACKAGE_BYTES {
                    return Err(Refusal::too_large("a key package", MAX_PACKAGE_BYTES));
                }
                let info = network.check_key_package(&package, &uri, now)?;
                if info.last_resort != last_resort {
                    let detail = "one-time and last-resort key packages must be marked as what they are";
                    return Err(Refusal::new(ProblemCode::KeyPackageRefused, detail));
                }
                Ok(PoolEntry { package, not_after: info.not_after })
            };
            let one_time: Result<Vec<_>, _> =
                publish.one_time.into_iter().map(|package| check(package, false)).collect();
            let last = Some(publish.last_resort).filter(|package| !package.is_empty());
            Ok((one_time?, last.map(|package| check(package, true)).transpose()?))
        });
        let (one_time, last_resort) =
            checked.await.unwrap_or_else(|_| Err(Refusal::internal("checking key packages")))?;
        let (user, device) = (who.user, who.device);
        let publish = Publish { user, device, one_time, last_resort, replace };
        match self.ask(Operation::Publish(Box::new(publish))).await? {
            Outcome::Pool(pool) => Ok(count(pool)),
            _ => Err(Refusal::internal("keeping key packages")),
        }
    }
}

fn count(pool: PoolCount) -> reply::Outcome {
    let PoolCount { one_time, last_resort } = pool;
    reply::Outcome::KeyPackageCount(KeyPackageCount { one_time, last_resort })
}
