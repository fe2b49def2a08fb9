//! The way in: a WebSocket with our subprotocol on the public port; small buffers, or idle clients cost 20 times more.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use wickr_service::{Shutdown, refuse};
use wickr_wire::{CONNECT_PATH, MAX_FRAME_BYTES, ProblemCode, SUBPROTOCOL};

use crate::connection;
use crate::relay::Relay;

/// Read at a time.
const READ_BUFFER: usize = 4096;

/// Frames below this are written together; the buffer grows only as far as it is used.
const WRITE_TOGETHER: usize = 16 * 1024;

#[derive(Clone)]
struct Door {
    relay: Arc<Relay>,
    shutdown: Shutdown,
}

/// The relay's public routes.
pub(crate) fn routes(relay: Arc<Relay>, shutdown: Shutdown) -> Router {
    Router::new().route(CONNECT_PATH, any(connect)).with_state(Door { relay, shutdown })
}

async fn connect(State(door): State<Door>, upgrade: WebSocketUpgrade) -> Response {
    if door.shutdown.is_draining() {
        let detail = "The relay is shutting down; connect again.";
        return refuse(ProblemCode::Draining, detail).into_response();
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let detail = format!("Ask for the WebSocket subprotocol \"{SUBPROTOCOL}\".");
        return refuse(ProblemCode::Malformed, detail).into_response();
    }
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_TOGETHER)
        .max_message_size(MAX_FRAME_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .on_upgrade(move |socket| connection::run(door.relay, socket))
}
