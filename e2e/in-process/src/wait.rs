//! Waiting for what others bring about: on the client's own signal of change, with a deadline that fails the test.

use std::time::Duration;

use tokio::time::timeout;
use wickr_base::RoomId;
use wickr_sdk::Client;

/// Long enough for a loaded machine of two cores.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `ready` holds for the client; `what` is what the test was waiting for.
pub async fn until(client: &Client, what: &str, mut ready: impl FnMut(&Client) -> bool) {
    let mut changes = client.changes();
    let work = async {
        loop {
            changes.borrow_and_update();
            if ready(client) {
                return;
            }
            changes.changed().await.unwrap();
        }
    };
    let done = timeout(PATIENCE, work).await.is_ok();
    assert!(done, "{client:?} waited in vain for {what}: {:#?}", client.status().unwrap());
}

/// Waits until the client has a message of that text in the room.
pub async fn arrives(client: &Client, room: &RoomId, text: &str) {
    let what = format!("\"{text}\"");
    until(client, &what, |client| {
        client.history(Some(room), 1000).unwrap().iter().any(|message| message.text == text)
    })
    .await;
}
