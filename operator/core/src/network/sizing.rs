//! What a service gets for the number of people, and the sentence that explains it in status.

use wickr_operator_api::v1alpha1::Sizing;

use crate::Role;
use crate::drift::bytes;

/// CPU, memory and volume of each service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    users: u32,
    /// The relay's volume, as the spec has it.
    volume: String,
}

const MIB: u64 = 1 << 20;
/// Devices that a person is reckoned with.
const DEVICES: u64 = 3;
/// Memory for one connected device: buffers of TLS (about 22 KiB when idle) and WebSocket, and its queue cursors.
const PER_DEVICE: u64 = 32 << 10;
/// What a relay needs with nobody connected: store caches and buffers.
const RELAY_BASE: u64 = 96 * MIB;
/// What sso needs with nobody signing in.
const SSO_BASE: u64 = 48 * MIB;
/// Memory for one person's session and cached directory entry.
const PER_USER: u64 = 8 << 10;

impl Sizes {
    /// For that many people and a relay's volume of that size.
    pub fn new(users: u32, volume: impl Into<String>) -> Self {
        Self { users, volume: volume.into() }
    }

    /// Requested memory in MiB.
    fn memory(&self, role: Role) -> u64 {
        let users = u64::from(self.users);
        let need = match role {
            Role::Relay => RELAY_BASE + users * DEVICES * PER_DEVICE,
            Role::Sso => SSO_BASE + users * PER_USER,
        };
        need.div_ceil(16 * MIB) * 16
    }

    /// As in `resources.requests.memory`.
    pub fn memory_request(&self, role: Role) -> String {
        format!("{}Mi", self.memory(role))
    }

    /// As in `resources.limits.memory`: four times the request, at least 512Mi, so that a burst is no death.
    pub fn memory_limit(&self, role: Role) -> String {
        format!("{}Mi", (self.memory(role) * 4).max(512))
    }

    /// As in `resources.requests.cpu`. There is no limit: throttling would only add latency.
    pub fn cpu_request(&self, role: Role) -> String {
        let users = u64::from(self.users);
        let millis = match role {
            Role::Relay => 50 + users / 10,
            Role::Sso => 20 + users / 50,
        };
        format!("{}m", millis.min(4000))
    }

    /// The size of a role's volume claim.
    pub fn volume(&self, role: Role) -> String {
        match role {
            Role::Relay => self.volume.clone(),
            Role::Sso => {
                let relay = bytes(&self.volume).unwrap_or(0) / MIB;
                let tenth = (relay / 10).max(1024).min(relay);
                if tenth.is_multiple_of(1024) { format!("{}Gi", tenth / 1024) } else { format!("{tenth}Mi") }
            }
        }
    }

    /// What status tells, one entry per service.
    pub fn explained(&self) -> Vec<Sizing> {
        Role::ALL.into_iter().map(|role| self.explain(role)).collect()
    }

    fn explain(&self, role: Role) -> Sizing {
        let users = self.users;
        let because = match role {
            Role::Relay => format!(
                "capacity.users {users} with {DEVICES} devices each, {} KiB per connected device above {} MiB; \
                 storage.embedded keeps one replica: draining its node interrupts for as long as the pod takes \
                 to start elsewhere, about a minute",
                PER_DEVICE >> 10,
                RELAY_BASE / MIB
            ),
            Role::Sso => format!(
                "capacity.users {users}, {} KiB per person above {} MiB; a tenth of the relay's volume, at least \
                 1Gi; one replica, a drain interrupts sign-in for about a minute",
                PER_USER >> 10,
                SSO_BASE / MIB
            ),
        };
        Sizing {
            service: role.name().to_owned(),
            cpu: self.cpu_request(role),
            memory: self.memory_request(role),
            memory_limit: self.memory_limit(role),
            volume: self.volume(role),
            because,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_people_never_get_less() {
        let mut before = (0, 0);
        for users in [1, 500, 5_000, 100_000] {
            let sizes = Sizes::new(users, "20Gi");
            let now = (sizes.memory(Role::Relay), sizes.memory(Role::Sso));
            assert!(now.0 >= before.0 && now.1 >= before.1);
            before = now;
        }
        assert_eq!(Sizes::new(500, "20Gi").memory_request(Role::Relay), "144Mi");
    }

    #[test]
    fn sso_gets_a_tenth_but_never_more_than_the_relay() {
        assert_eq!(Sizes::new(1, "20Gi").volume(Role::Sso), "2Gi");
        assert_eq!(Sizes::new(1, "2Gi").volume(Role::Sso), "1Gi");
        assert_eq!(Sizes::new(1, "64Mi").volume(Role::Sso), "64Mi");
    }
}
