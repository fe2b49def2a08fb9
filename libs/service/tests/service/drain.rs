//! Stopping: running work finishes, nothing new begins, the deadline cuts.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::get;
use futures::StreamExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use wickr_pki::tls::{ALPN_H2, ALPN_HTTP1};

use crate::running::{Running, SOON, http};

/// A route that says when a request is in, and answers when told to.
fn slow() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&entered), Arc::clone(&release));
    let route = get(move || async move {
        tell.notify_one();
        wait.notified().await;
        "done"
    });
    (Router::new().route("/slow", route), entered, release)
}

async fn nobody_listens(running: &Running) {
    let refused = async { while TcpStream::connect(running.addresses.public).await.is_ok() {} };
    tokio::time::timeout(SOON, refused).await.unwrap();
}

#[tokio::test]
async fn a_running_request_finishes_while_nobody_new_gets_in() {
    for alpn in [ALPN_HTTP1, ALPN_H2] {
        let (routes, entered, release) = slow();
        let running = Running::start_with(routes, SOON, |_| {}).await;
        let client = http(running.network.public_client(&[alpn]));
        let asked = tokio::spawn(client.get(running.public_url("/slow")).send());
        entered.notified().await;
        running.shutdown.begin();
        nobody_listens(&running).await;
        // Probes and operator still get their answers.
        let (status, readiness) = running.readiness().await;
        assert_eq!((status, &readiness["ready"]), (503, &false.into()));
        assert_eq!(running.status().await["document"], 1);
        assert!(!running.ended.is_finished());
        release.notify_one();
        let answer = asked.await.unwrap().unwrap();
        assert_eq!(answer.text().await.unwrap(), "done");
        // The client keeps its connection; the server closes it.
        assert_eq!(running.stop().await.cut, 0);
    }
}

#[tokio::test]
async fn at_the_deadline_what_still_runs_is_cut() {
    let (routes, entered, _release) = slow();
    let running = Running::start_with(routes, Duration::from_millis(50), |_| {}).await;
    let client = http(running.network.public_client(&[ALPN_HTTP1]));
    let asked = tokio::spawn(client.get(running.public_url("/slow")).send());
    entered.notified().await;
    assert_eq!(running.stop().await.cut, 1);
    assert!(asked.await.unwrap().is_err());
}

#[tokio::test]
async fn a_websocket_counts_until_its_socket_is_gone_and_is_told_of_the_drain() {
    let (tell, told) = tokio::sync::oneshot::channel::<wickr_service::Shutdown>();
    let told = Arc::new(tokio::sync::Mutex::new(Some(told)));
    let route = get(move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(async move |mut socket| {
            let shutdown = told.lock().await.take().unwrap().await.unwrap();
            socket.send("in".into()).await.unwrap();
            shutdown.draining().await;
            socket.send("go elsewhere".into()).await.unwrap();
            let _ = socket.recv().await;
        })
    });
    let running = Running::start_with(Router::new().route("/ws", route), SOON, |_| {}).await;
    let socket = running.dial().await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://127.0.0.1/ws", socket).await.unwrap();
    tell.send(running.shutdown.clone()).unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "in");
    running.shutdown.begin();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "go elsewhere");
    nobody_listens(&running).await;
    assert!(!running.ended.is_finished());
    socket.close(None).await.unwrap();
    drop(socket);
    assert_eq!(running.stop().await.cut, 0);
}

#[tokio::test]
async fn a_background_task_that_is_gone_ends_the_service_in_order() {
    let running = Running::start_with(Router::new(), SOON, |service| {
        service.background().spawn("the watch", async {});
    })
    .await;
    let drained = tokio::time::timeout(SOON, running.ended).await.unwrap().unwrap();
    assert_eq!((drained.cut, drained.failed), (0, Some("the watch")));
}
