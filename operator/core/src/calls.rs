//! Who may call whom, on which port: NetworkPolicies come from this table (verbs of admin ports: `libs/service`).

use crate::{ADMIN_PORT, METRICS_PORT, PUBLIC_PORT, Role};

/// Who calls, or is called, from a network's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// A service of the network.
    Service(Role),
    /// The operator's pods.
    Operator,
    /// Whoever may scrape metrics.
    Monitoring,
    /// The cluster's DNS servers.
    Dns,
    /// The identity provider.
    Provider,
    /// Anybody.
    Anybody,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub from: Party,
    /// Who is called.
    pub to: Party,
    /// On which port; `None`: the port of the provider's issuer.
    pub port: Option<u16>,
    /// What for.
    pub why: &'static str,
}

use Party::{Anybody, Dns, Monitoring, Operator, Provider, Service};
use Role::{Relay, Sso};

/// The table.
pub const CALLS: &[Call] = &[
    call(Anybody, Service(Relay), PUBLIC_PORT, "clients send and fetch messages"),
    call(Anybody, Service(Sso), PUBLIC_PORT, "people sign in, browsers come back from the provider"),
    call(Operator, Service(Relay), ADMIN_PORT, "status and network document"),
    call(Operator, Service(Sso), ADMIN_PORT, "status, network document, rehearsals"),
    call(Service(Relay), Service(Sso), ADMIN_PORT, "revocations"),
    call(Monitoring, Service(Relay), METRICS_PORT, "metrics"),
    call(Monitoring, Service(Sso), METRICS_PORT, "metrics"),
    call(Service(Relay), Dns, 53, "finding sso"),
    call(Service(Sso), Dns, 53, "finding the identity provider"),
    Call { from: Service(Sso), to: Provider, port: None, why: "discovery, keys and tokens" },
];

const fn call(from: Party, to: Party, port: u16, why: &'static str) -> Call {
    Call { from, to, port: Some(port), why }
}

/// Who calls `role`.
pub(crate) fn into(role: Role) -> impl Iterator<Item = &'static Call> {
    CALLS.iter().filter(move |call| call.to == Service(role))
}

/// Whom `role` calls.
pub(crate) fn out_of(role: Role) -> impl Iterator<Item = &'static Call> {
    CALLS.iter().filter(move |call| call.from == Service(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_the_operator_and_the_relay_reaches_an_admin_port() {
        let callers: Vec<Party> =
            CALLS.iter().filter(|call| call.port == Some(ADMIN_PORT)).map(|call| call.from).collect();
        assert_eq!(callers, [Operator, Operator, Service(Relay)]);
    }
}
