//! Bytes to and from the services: TLS, HTTP requests, the WebSocket to the relay.

mod dial;
mod http;
mod link;

pub use dial::DialError;
pub use http::HttpError;
pub(crate) use http::{Body, Http};
pub use link::LinkError;
pub(crate) use link::{Incoming, Link, Opened};
