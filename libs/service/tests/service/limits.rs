//! Limits of a port, and refusals that are problems.

use std::time::Duration;

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wickr_pki::tls::{ALPN_H2, ALPN_HTTP1};
use wickr_service::{JsonBody, Limits, ProblemResponse, Service, Stranger};

use crate::running::{Running, SOON, http, json_of};

fn limited(limits: Limits) -> impl FnOnce(&mut Service) {
    move |service| service.limit_public(limits)
}

/// The other side hangs up without a word.
async fn is_closed(mut socket: TcpStream) -> bool {
    let mut buffer = [0; 16];
    matches!(tokio::time::timeout(SOON, socket.read(&mut buffer)).await.unwrap(), Ok(0) | Err(_))
}

#[tokio::test]
async fn who_does_not_shake_hands_in_time_is_hung_up_on() {
    let limits = Limits { handshake_time: Duration::from_millis(50), ..Limits::PUBLIC };
    let running = Running::start_with(Router::new(), SOON, limited(limits)).await;
    assert!(is_closed(TcpStream::connect(running.addresses.public).await.unwrap()).await);
}

#[tokio::test]
async fn who_shakes_hands_and_then_says_nothing_is_hung_up_on() {
    let limits = Limits { header_time: Duration::from_millis(50), ..Limits::PUBLIC };
    let running = Running::start_with(Router::new(), SOON, limited(limits)).await;
    for alpn in [ALPN_HTTP1, ALPN_H2] {
        let mut socket = running.dial_for(alpn).await.unwrap();
        let mut buffer = Vec::new();
        let _ = tokio::time::timeout(SOON, socket.read_to_end(&mut buffer)).await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_handshake_takes_no_turn_from_others_for_longer_than_its_limit() {
    let limits = Limits { handshakes: 1, handshake_time: Duration::from_millis(300), ..Limits::PUBLIC };
    let running = Running::start_with(Router::new(), SOON, limited(limits)).await;
    let silent = TcpStream::connect(running.addresses.public).await.unwrap();
    let served = async { while running.dial().await.is_err() {} };
    tokio::time::timeout(SOON, served).await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn over_the_cap_a_connection_is_hung_up_on_and_a_place_that_is_given_back_is_used_again() {
    let limits = Limits { connections: 1, ..Limits::PUBLIC };
    let running = Running::start_with(Router::new(), SOON, limited(limits)).await;
    let first = running.dial().await.unwrap();
    assert!(is_closed(TcpStream::connect(running.addresses.public).await.unwrap()).await);
    drop(first);
    let served = async { while running.dial().await.is_err() {} };
    tokio::time::timeout(SOON, served).await.unwrap();
}

async fn echo(JsonBody(value): JsonBody<Vec<u8>>) -> Result<String, ProblemResponse> {
    Ok(value.len().to_string())
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem_with_a_code() {
    let limits = Limits { body: 64, request_time: Duration::from_millis(50), requests: 8, ..Limits::PUBLIC };
    let routes = Router::new()
        .route("/echo", post(echo))
        .route("/never", get(|| async { std::future::pending::<String>().await }));
    let running = Running::start_with(routes, SOON, limited(limits)).await;
    let client = http(running.network.public_client(&[ALPN_HTTP1]));
    let url = |path| running.public_url(path);
    let json = ("content-type", "application/json");
    let post = |body: String| client.post(url("/echo")).header(json.0, json.1).body(body);
    for (request, status, code) in [
        (post("[1,2]".to_owned()), 200, ""),
        (post("[1,".to_owned()), 400, "malformed"),
        (post("{}".to_owned()), 400, "malformed"),
        (post(format!("[{}1]", "1,".repeat(100))), 413, "too-large"),
        (client.post(url("/echo")).body("[1]"), 400, "malformed"),
        (client.get(url("/echo")), 404, "not-found"),
        (client.get(url("/nowhere")), 404, "not-found"),
        (client.get(url("/never")), 503, "busy"),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{code}");
        if status != 200 {
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert_eq!(json_of(answer).await["code"], Value::from(code));
        }
    }
    let text = client.get(format!("http://{}/metrics", running.addresses.metrics)).send().await.unwrap();
    let text = text.text().await.unwrap();
    for line in [
        r#"wickr_relay_requests_total{port="public",route="/echo",status="413"} 1"#,
        r#"wickr_relay_requests_total{port="public",route="unknown",status="404"} 1"#,
        r#"wickr_relay_connections{port="public"} 1"#,
        "wickr_relay_document_number 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn over_its_share_an_address_is_hung_up_on_until_one_of_its_connections_is_known() {
    let limits = Limits { strangers: 1, ..Limits::PUBLIC };
    let known = |Extension(stranger): Extension<Stranger>| async move { stranger.is_known() };
    let routes = Router::new().route("/known", get(known));
    let running = Running::start_with(routes, SOON, limited(limits)).await;
    let mut first = running.dial().await.unwrap();
    assert!(is_closed(TcpStream::connect(running.addresses.public).await.unwrap()).await);
    first.write_all(b"GET /known HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let _second = running.dial().await.unwrap();
}

#[tokio::test]
async fn an_http2_connection_on_which_nothing_is_asked_is_ended_however_well_it_answers_pings() {
    let limits = Limits { header_time: Duration::from_millis(100), ..Limits::PUBLIC };
    let slow = || async { tokio::time::sleep(Duration::from_millis(400)).await };
    let routes = Router::new().route("/slow", get(slow));
    let running = Running::start_with(routes, SOON, limited(limits)).await;
    let socket = TokioIo::new(running.dial_for(ALPN_H2).await.unwrap());
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    let ended = tokio::spawn(connection);
    let request = hyper::Request::get(running.public_url("/slow")).body(Body::empty()).unwrap();
    assert_eq!(send.send_request(request).await.unwrap().status(), 200, "what runs is let finish");
    tokio::time::timeout(SOON, ended).await.unwrap().unwrap().unwrap();
}
