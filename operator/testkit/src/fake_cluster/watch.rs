//! Answers with a body: a whole one, or a watch that goes on (opened in `serve`).

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::objects::{State, Watcher};
use super::path::Address;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One JSON value.
pub(super) fn answer(code: u16, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// A refusal as the API server words it.
pub(super) fn refuse(code: u16, reason: &str, message: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                        "code": code, "reason": reason, "message": message});
    answer(code, &status)
}

/// A watch whose version is too old: the API server says so in the stream.
pub(super) fn expired() -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
                        "message": "too old resource version"});
    answer(200, &json!({"type": "ERROR", "object": status}))
}

/// Every change after `resourceVersion`, those that come later included.
pub(super) fn watch(state: &mut State, address: &Address) -> Response<Body> {
    let from: u64 = address.query("resourceVersion").parse().unwrap_or_default();
    let (sender, receiver) = mpsc::unbounded();
    for line in
        state.history.iter().filter(|change| change.version > from).filter_map(|change| change.line(address))
    {
        drop(sender.unbounded_send(line));
    }
    state.watchers.push(Watcher { address: address.clone(), after: from, sender });
    let frames = receiver.map(|line| Ok::<_, Infallible>(Frame::data(Bytes::from(line))));
    Response::new(StreamBody::new(frames).boxed_unsync())
}
