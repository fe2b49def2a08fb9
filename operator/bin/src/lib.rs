//! The operator: arguments, wiring, one folder per controller.
//!
//! Each controller is the same six words, a file each: gather and apply touch the world, validate, build, plan and
//! report ask `wickr-operator-core`. `services` is how live services are asked. The process is put together in `main`.

#![warn(missing_docs)]

pub mod args;
pub mod context;
pub mod explain;
pub mod identity_provider;
pub mod kinds;
pub mod network;
pub mod plain;
pub mod services;
pub mod tell;
pub mod webhook;
pub mod wiring;
