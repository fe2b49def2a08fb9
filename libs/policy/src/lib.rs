//! The network document: pure types and decisions, the same code in operator, services and clients.
//!
//! How a document is signed and checked lives in `wickr-pki` (`trust`).

#![warn(missing_docs)]

mod address;
mod decide;
mod der;
mod document;
mod join;
mod pin;
mod suite;

pub use address::{ServiceUrl, ServiceUrlError};
pub use decide::{Refusal, SigningReason, due_for_signing, may_replace, payload_changed};
pub use der::Der;
pub use document::{Anchors, DocumentError, NetworkDocument, Urls};
pub use join::{JoinUrl, JoinUrlError};
pub use pin::{RootPin, RootPinError};
pub use suite::{Suite, SuiteError};
