//! Listeners, TLS with reload in place, health gates, shutdown in two stages, problems: what every service is made of.
//!
//! A service opens (`Service::open`), binds its three ports and runs with its routes; everything else here is
//! used by that, or by the routes.

#![warn(missing_docs)]

mod accept;
mod admin;
mod alone;
mod atomic;
mod background;
mod config;
mod connection;
mod document;
mod gates;
mod limits;
mod plain;
mod ports;
mod problem;
mod rate;
mod reload;
mod service;
mod shown;
mod shutdown;
mod sides;
mod strangers;
#[cfg(feature = "testing")]
pub mod testing;

pub use admin::{Caller, EVERY_SERVICE, Grant, StatusFn, status_fn};
pub use alone::TlsPort;
pub use atomic::write_atomically;
pub use background::Background;
pub use config::{Config, ConfigError, KeyFiles, Listen, Tls, WorkloadFiles};
pub use connection::Peer;
pub use document::{DocumentError, DocumentHolder, HeldDocument, PutError};
pub use gates::{Gate, GateState, Gates};
pub use limits::Limits;
pub use problem::{JsonBody, ProblemResponse, refuse};
pub use rate::{Bucket, Rate};
pub use reload::{FilesError, Polled, Reloading};
pub use service::{Addresses, Bound, Drained, Routes, Service, ServiceError};
pub use shutdown::Shutdown;
pub use strangers::Stranger;
