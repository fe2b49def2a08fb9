//! The way in: a WebSocket with our subprotocol on the public port; small buffers, or idle clients cost 20 times more.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use wickr_service::{Shutdown, Stranger, refuse};
use wickr_wire::{CONNECT_PATH, MAX_FRAME_BYTES, ProblemCode, SUBPROTOCOL};

use crate::connection;
use crate::relay::Relay;
use crate::wicket::Wicket;

/// Read at a time.
const READ_BUFFER: usize = 4096;

/// Frames below this are written together; the buffer grows only as far as it is used.
const WRITE_TOGETHER: usize = 16 * 1024;

/// Bytes that are read before somebody has signed in: a token, a certificate and a signature need about 4 KiB.
pub(crate) const BEFORE_SIGN_IN: usize = 64 * 1024;

/// The socket of a connection.
pub(crate) type Socket = WebSocketStream<Wicket<TokioIo<Upgraded>>>;

#[derive(Clone)]
struct Door {
    relay: Arc<Relay>,
    shutdown: Shutdown,
}

/// The relay's public routes.
pub(crate) fn routes(relay: Arc<Relay>, shutdown: Shutdown) -> Router {
    Router::new().route(CONNECT_PATH, any(connect)).with_state(Door { relay, shutdown })
}

async fn connect(State(door): State<Door>, mut request: Request) -> Response {
    if door.shutdown.is_draining() {
        let detail = "The relay is shutting down; connect again.";
        return refuse(ProblemCode::Draining, detail).into_response();
    }
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        let detail = "This is the way to a WebSocket (RFC 6455), over HTTP/1.1; ask for the upgrade there.";
        return refuse(ProblemCode::Malformed, detail).into_response();
    };
    let mut response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => {
            let detail = format!("This is no request for a WebSocket (RFC 6455): {error}.");
            return refuse(ProblemCode::Malformed, detail).into_response();
        }
    };
    if !asks_for_ours(&request) {
        let detail = format!("Ask for the WebSocket subprotocol \"{SUBPROTOCOL}\".");
        return refuse(ProblemCode::Malformed, detail).into_response();
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let stranger = request.extensions_mut().remove::<Stranger>();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_TOGETHER)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    tokio::spawn(async move {
        // Who asked has gone when this fails; there is nobody to tell.
        let Ok(upgraded) = upgrade.await else { return };
        let stream = Wicket::new(TokioIo::new(upgraded), BEFORE_SIGN_IN);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        connection::run(door.relay, socket, stranger).await;
    });
    response
}

fn asks_for_ours(request: &Request) -> bool {
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offers.iter().flat_map(|offer| offer.as_bytes().split(|byte| *byte == b','));
    offered.any(|one| one.trim_ascii() == SUBPROTOCOL.as_bytes())
}
