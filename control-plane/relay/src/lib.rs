//! The relay: orders, stores and forwards ciphertext, and judges handshakes without being a member.
//!
//! The way of a message, one file per step: `connection` reads it from the socket, `send` checks it and hands it to
//! the store's writer, `fanout` is told when it is durable and puts it (encoded once by `frames`) into the `outbox` of
//! each live device, whose `connection` writes it. Who was away or too slow reads the log (`catch_up`).
//!
//! The way of a handshake: `handshake` (commit, proposal, create, next generation) judges it on a blocking thread and
//! hands it to the same writer; `fanout` then changes the live room.

#![warn(missing_docs)]

mod acknowledge;
mod authenticate;
mod backup;
mod canary;
mod catch_up;
mod changes;
mod claim;
mod config;
mod connect;
mod connection;
mod control;
mod expiry;
mod fanout;
mod feed;
mod fetch;
mod frames;
mod handshake;
mod key_packages;
mod limits;
mod live;
mod meters;
mod outbox;
mod rare;
mod refusal;
mod relay;
mod removal;
mod resume;
mod room;
mod rooms;
mod run;
mod send;
mod status;
mod submit;
mod sweep;
mod ticket;
mod trimming;
mod trouble;
mod wicket;

pub use backup::{BackupError, backup_running};
pub use config::{RelayConfig, RelaySection};
pub use feed::{ChangeFeed, FeedError};
pub use limits::RelayLimits;
#[cfg(feature = "testing")]
pub use run::bind_plain;
pub use run::{BoundRelay, OpenFailed, OpenStore, Opening, RelayError, Surroundings, bind};
pub use ticket::Ticket;
