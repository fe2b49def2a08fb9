//! What concerns the device as a whole: who it is, its siblings, its state.

use std::time::Duration;

use tokio::time::timeout;
use wickr_base::DeviceId;
use wickr_sdk::{Client, Connection};

use super::rooms::room_line;
use crate::failure::Failure;
use crate::show::Answer;
use crate::show::answer::{DeviceLine, Devices, NoticeLine, Revoked, StatusLine, UnsentLine, WhoamiLine};

pub(super) fn whoami(client: &Client) -> Result<Answer, Failure> {
    let status =
        client.status().map_err(|error| Failure::of("the profile can't be read", "the store", &error))?;
    let account = client.account();
    Ok(Answer::Whoami(WhoamiLine {
        handle: account.handle.clone(),
        user: account.user,
        device: account.device,
        domain: account.domain.clone(),
        uri: account.uri(),
        certificate_until: status.certificate_until,
    }))
}

pub(super) async fn devices(client: &Client) -> Result<Answer, Failure> {
    let own = client.account().device;
    let devices = client
        .devices()
        .await
        .map_err(|error| Failure::of("the devices can't be listed", "the directory", &error))?
        .into_iter()
        .map(|device| DeviceLine {
            device: device.id,
            this: device.id == own,
            signed_in: device.signed_in,
            created_at: device.created_at,
            revoked_at: device.revoked_at,
        })
        .collect();
    Ok(Answer::Devices(Devices { devices }))
}

pub(super) async fn revoke(client: &Client, device: DeviceId) -> Result<Answer, Failure> {
    client
        .revoke(device)
        .await
        .map_err(|error| Failure::of("the device was not revoked", &format!("device {device}"), &error))?;
    Ok(Answer::Revoked(Revoked { device }))
}

/// Waits until the first try to connect has come out, so that the answer is not "connecting".
pub(super) async fn status(client: &Client, wait_ms: u64) -> Result<Answer, Failure> {
    let mut changes = client.changes();
    let settled = async {
        loop {
            changes.borrow_and_update();
            if !matches!(client.connection(), Connection::Connecting | Connection::CatchingUp) {
                break;
            }
            if changes.changed().await.is_err() {
                break;
            }
        }
    };
    let _ = timeout(Duration::from_millis(wait_ms), settled).await;
    let status =
        client.status().map_err(|error| Failure::of("the profile can't be read", "the store", &error))?;
    Ok(Answer::Status(Box::new(StatusLine {
        handle: status.handle,
        domain: status.domain,
        uri: status.uri,
        certificate_until: status.certificate_until,
        document: status.document,
        connection: status.connection,
        rooms: status.rooms.into_iter().map(room_line).collect(),
        unsent: status
            .unsent
            .into_iter()
            .filter(|unsent| !unsent.control)
            .map(|unsent| UnsentLine { room: unsent.room, message: unsent.id, state: unsent.state.into() })
            .collect(),
        notices: status
            .notices
            .into_iter()
            .map(|notice| NoticeLine { at: notice.at, room: notice.room, seq: notice.seq, text: notice.text })
            .collect(),
    })))
}

pub(super) fn why_not_online(client: &Client) -> String {
    match client.connection() {
        Connection::Online => "it took too long".to_owned(),
        Connection::Connecting => "the relay has not answered yet".to_owned(),
        Connection::CatchingUp => "what was missed is still coming in".to_owned(),
        Connection::Offline { why } => format!("there is no connection: {why}"),
        Connection::SignedOut { why } => format!("the session has ended: {why}"),
        Connection::OldStore { why } => why,
    }
}
