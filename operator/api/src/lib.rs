//! The custom resources of group `wickr.dev`: types, CEL rules, defaults. No client.
//!
//! A folder per version, a file per kind. Doc comments are the user's reference: `crds/` and
//! `docs/reference` are generated from them. What is made of a spec is decided in `wickr-operator-core`.

#![warn(missing_docs)]

mod crds;
pub mod v1alpha1;

pub use crds::crds;

/// The API group of every kind.
pub const GROUP: &str = "wickr.dev";
