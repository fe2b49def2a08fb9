//! The services of a network and their ports (who may call them: `calls`).

use std::fmt;

/// A service of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Queues, sequencer, key packages.
    Relay,
    /// Sign-in, device certificates, directory.
    Sso,
}

/// Port for clients, TLS.
pub const PUBLIC_PORT: u16 = 8443;
/// Port for the operator and other services, mutual TLS.
pub const ADMIN_PORT: u16 = 9443;
/// Port for probes and metrics, plain.
pub const METRICS_PORT: u16 = 9090;

impl Role {
    /// All of them, in the order in which a change reaches them.
    pub const ALL: [Self; 2] = [Self::Sso, Self::Relay];

    /// As it stands in names, labels and SPIFFE ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Sso => "sso",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
