//! A change that others must take part in: before there is a connection nothing has been tried, afterwards it may come
//! about though nobody waits any more.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use wickr_sdk::{Client, Error};

use super::whole;
use crate::failure::Failure;

/// How a change is spoken of when it does not come about at once.
pub(super) struct Change {
    /// It has not been tried, or was refused.
    pub(super) not_done: String,
    /// It has been tried, and there is no answer yet.
    pub(super) unknown: String,
    /// How to find out.
    pub(super) next: &'static str,
}

impl Change {
    /// Waits at most `wait_ms`, first for the connection, then for the answer.
    pub(super) async fn within<T>(
        self,
        client: &Client,
        wait_ms: u64,
        place: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + Duration::from_millis(wait_ms);
        match timeout_at(until, client.online()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Failure::of(&self.not_done, place, &error)),
            Err(_) => return Err(Failure::late(&self.not_done, place, &whole::why_not_online(client))),
        }
        let Ok(done) = timeout_at(until, work).await else {
            let mut late = Failure::late(&self.unknown, place, &whole::why_not_online(client));
            self.next.clone_into(&mut late.next);
            return Err(late);
        };
        done.map_err(|error| Failure::of(&self.not_done, place, &error))
    }
}
