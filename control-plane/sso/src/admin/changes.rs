//! `GET /changes?after=N&wait=SECONDS`: what relays must hear of, numbered and resumable; waits for news.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use wickr_model::{ChangeLine, ChangesAnswer};
use wickr_store::directory::DirectoryError;

use crate::refused::Refused;
use crate::state::Sso;

/// Most changes in one answer; who has not reached the head asks again at once.
const MOST: u32 = 500;
/// Longest wait.
const LONGEST_WAIT: u64 = 30;

#[derive(Deserialize)]
pub(super) struct Follow {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

pub(super) async fn follow(
    State(sso): State<Arc<Sso>>,
    Query(follow): Query<Follow>,
) -> Result<Json<ChangesAnswer>, Refused> {
    sso.feed.wait(follow.after, Duration::from_secs(follow.wait.min(LONGEST_WAIT))).await;
    Ok(Json(sso.changes_after(follow.after).await?))
}

impl Sso {
    async fn changes_after(&self, after: u64) -> Result<ChangesAnswer, DirectoryError> {
        let mut work = self.directory.read().await?;
        let head = work.changes().head().await?;
        let changes = work.changes().list(after, MOST).await?;
        let incarnation = self.directory.incarnation();
        Ok(ChangesAnswer { incarnation, changes: changes.iter().map(ChangeLine::from).collect(), head })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[tokio::test]
    async fn changes_are_resumable_and_a_restart_forgets_none() {
        let world = World::new().await;
        let phone = world.phone_of("alice").await;
        for _ in 0..3 {
            let lost = world.phone_of("alice").await;
            world.signed(&phone, "DELETE", &format!("/v1/devices/{}", lost.device)).await;
        }
        let all = world.admin("GET", "/changes?after=0&wait=25", None).await;
        assert_eq!((&all.json["head"], all.json["changes"].as_array().unwrap().len()), (&3.into(), 3));
        let world = world.restarted().await;
        let rest = world.admin("GET", "/changes?after=1&wait=25", None).await;
        assert_eq!(
            rest.json["changes"].as_array().unwrap()[..],
            all.json["changes"].as_array().unwrap()[1..]
        );
        assert_eq!(rest.json["incarnation"], all.json["incarnation"]);
        let none = world.admin("GET", "/changes?after=3&wait=0", None).await;
        assert_eq!(none.json["changes"].as_array().unwrap().len(), 0);
    }
}
