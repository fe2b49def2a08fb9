//! What the operator may do in its own namespace, for itself: RBAC comes from here (what it does for networks: `reads`,
//! `owned`).

use crate::KindRow;

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRight {
    /// The kind.
    pub kind: KindRow,
    /// Which object, as the chart's template words it, and how people read it; any where there is none, because a right
    /// to create can't name one.
    pub name: Option<(&'static str, &'static str)>,
    /// What may be done, as in RBAC.
    pub verbs: &'static [&'static str],
    /// What for.
    pub why: &'static str,
}

const LEASE: KindRow = KindRow::of::<k8s_openapi::api::coordination::v1::Lease>();

/// The whole table.
pub const OWN_RIGHTS: &[OwnRight] = &[
    OwnRight {
        kind: LEASE,
        name: None,
        verbs: &["create"],
        why: "the lease by which one of several replicas acts",
    },
    OwnRight {
        kind: LEASE,
        name: Some(("{{ $name }}", "the release's name")),
        verbs: &["get", "update"],
        why: "only that lease",
    },
];
