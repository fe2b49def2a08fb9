//! What the operator may read and write besides what a network owns; RBAC and the test of watches come from here.

use crate::{KindRow, NetworkResources};

/// How gather gets at a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A watch on every object, or on those with a label.
    Watch {
        /// The label that is selected by.
        label: Option<&'static str>,
    },
    /// Not at all: it is only written.
    Nothing,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRow {
    /// The kind.
    pub kind: KindRow,
    /// Whether its objects stand in namespaces.
    pub namespaced: bool,
    /// How gather gets at it.
    pub by: By,
    /// What the operator may do to it, as in RBAC.
    pub verbs: &'static [&'static str],
    /// What may be done to a subresource, as in RBAC.
    pub subresources: &'static [(&'static str, &'static [&'static str])],
    /// What for.
    pub why: &'static str,
}

const WATCH: &[&str] = &["get", "list", "watch"];

const fn ours(kind: &'static str, plural: &'static str) -> KindRow {
    KindRow { group: wickr_operator_api::GROUP, version: "v1alpha1", kind, plural }
}

/// Kinds besides the owned ones.
pub const READS: &[ReadRow] = &[
    ReadRow {
        kind: ours("WickrNetwork", "wickrnetworks"),
        namespaced: true,
        by: By::Watch { label: None },
        verbs: &["get", "list", "watch", "patch"],
        subresources: &[("status", &["patch"]), ("finalizers", &["update"])],
        why: "the networks; patch only for the finalizer of deletionPolicy Delete",
    },
    ReadRow {
        kind: ours("IdentityProvider", "identityproviders"),
        namespaced: true,
        by: By::Watch { label: None },
        verbs: WATCH,
        subresources: &[("status", &["patch"])],
        why: "the providers that networks name",
    },
    ReadRow {
        kind: KindRow::of::<k8s_openapi::api::core::v1::Pod>(),
        namespaced: true,
        by: By::Watch { label: Some(crate::labels::NETWORK) },
        verbs: WATCH,
        subresources: &[],
        why: "why a service doesn't run",
    },
    ReadRow {
        kind: KindRow::of::<k8s_openapi::api::storage::v1::StorageClass>(),
        namespaced: false,
        by: By::Watch { label: None },
        verbs: WATCH,
        subresources: &[],
        why: "whether volumes can grow",
    },
    ReadRow {
        kind: KindRow { group: "events.k8s.io", version: "v1", kind: "Event", plural: "events" },
        namespaced: true,
        by: By::Nothing,
        verbs: &["create", "patch"],
        subresources: &[],
        why: "telling what happened",
    },
];

/// What the operator does to the kinds that a network owns.
pub const OWNED_VERBS: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// Owned kinds and the others in one list. Secrets and ConfigMaps that a spec names are read by name besides.
pub fn all() -> Vec<ReadRow> {
    let owned = NetworkResources::KINDS.iter().map(|kind| ReadRow {
        kind: *kind,
        namespaced: true,
        by: By::Watch { label: Some(crate::labels::NETWORK) },
        verbs: OWNED_VERBS,
        subresources: &[],
        why: "owned by a network",
    });
    owned.chain(READS.iter().copied()).collect()
}
