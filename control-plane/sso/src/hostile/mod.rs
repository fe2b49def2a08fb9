//! What a hostile identity provider tries, case by case, over real TLS, and what is told of it: its documents
//! (`documents`), how it is reached (`reach`), its tokens (`id_tokens`), its keys (`keys`), the names that it gives
//! (`names`), its answers about sign-ins (`grants`) and sessions (`sessions`), and two providers at a time (`two`).
//! Each table's row says what the double does and what must be told; after each the same double, well behaved again, is
//! accepted.

mod documents;
mod grants;
mod id_tokens;
mod keys;
mod names;
mod reach;
mod sessions;
mod two;

use crate::testing::{Answer, CLIENT_SECRET, World};

/// What socket buffers of this machine may hold besides the few kilobytes that were read: far less than what an endless
/// answer would come to.
const BUFFERS: u64 = 24 * 1024 * 1024;

/// A text that a person or a log is shown holds no secret of ours and is of a length that one reads.
fn fit_to_be_shown(text: &str, what: &str) {
    for secret in [CLIENT_SECRET, "refresh-", "access-", "device-", "eyJ"] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
    assert!(text.len() < 800 && !text.contains(char::is_control), "{what}: {text}");
}

/// What sso's status says of one look at the provider: `discovery`, `keys`, `client` or `id_tokens`.
async fn told(world: &World, look: &str) -> String {
    let status = crate::admin::status(std::sync::Arc::clone(&world.sso)).await;
    status["provider"][look]["error"].as_str().unwrap_or_default().to_owned()
}

/// The detail of a check of a rehearsal.
fn detail(answer: &Answer, name: &str) -> String {
    let checks = answer.json["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    assert_eq!(check["ok"], false, "{answer:?}");
    check["detail"].as_str().unwrap().to_owned()
}
