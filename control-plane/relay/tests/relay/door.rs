//! What a stranger gets at the relay's door: little is listened to, and whatever is no WebSocket is told so.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use wickr_pki::tls::{ALPN_H2, ALPN_HTTP1};
use wickr_wire::relay::{Authenticate, ClientFrame, Goodbye, RelayFrame, client_frame, relay_frame};
use wickr_wire::{CONNECT_PATH, ProblemCode, SUBPROTOCOL};

use crate::running::{Running, SOON};

/// Connects without signing in, says `bytes` bytes in one frame, and gives the relay's goodbye.
async fn goodbye_to_a_stranger_who_says(relay: &Running, bytes: usize) -> Option<Goodbye> {
    let tcp = TcpStream::connect(relay.addresses.public).await.unwrap();
    let tls = Arc::new(relay.world.network.public_client(&[ALPN_HTTP1]));
    let stream = TlsConnector::from(tls).connect(relay.addresses.public.ip().into(), tcp).await.unwrap();
    let mut request =
        format!("wss://{}{CONNECT_PATH}", relay.addresses.public).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let proof = Authenticate { session_token: "x".repeat(bytes), ..Authenticate::default() };
    let frame = ClientFrame { request: 1, body: Some(client_frame::Body::Authenticate(proof)) };
    // The relay may have ended it before all of this is out.
    let _ = socket.send(Message::Binary(frame.encode_to_vec().into())).await;
    while let Some(Ok(Message::Binary(frame))) = timeout(SOON, socket.next()).await.unwrap() {
        match RelayFrame::decode(frame).unwrap().body {
            Some(relay_frame::Body::Goodbye(goodbye)) => return Some(goodbye),
            Some(relay_frame::Body::Reply(_)) => return None,
            _ => {}
        }
    }
    panic!("the connection ended without a goodbye")
}

#[tokio::test]
async fn a_stranger_who_says_more_than_signing_in_needs_is_sent_away() {
    let relay = Running::new().await;
    assert_eq!(goodbye_to_a_stranger_who_says(&relay, 32 * 1024).await, None);
    let goodbye = goodbye_to_a_stranger_who_says(&relay, 100 * 1024).await;
    assert_eq!(goodbye.map(|goodbye| goodbye.code).as_deref(), Some(ProblemCode::TooLarge.as_str()));
}

#[tokio::test]
async fn whoever_has_signed_in_may_say_more_than_a_stranger() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let text = "x".repeat(200 * 1024);
    alice.send(&room, &text).await.unwrap();
    bob.take_in_until(&room, 3).await;
}

#[tokio::test]
async fn a_request_that_is_no_websocket_is_answered_with_a_problem() {
    let relay = Running::new().await;
    for alpn in [ALPN_H2, ALPN_HTTP1] {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(relay.world.network.public_client(&[alpn]))
            .timeout(SOON)
            .build()
            .unwrap();
        let url = format!("https://{}{CONNECT_PATH}", relay.addresses.public);
        for request in [client.get(&url), client.post(&url)] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 400, "{:?}", answer.version());
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
        }
    }
}
