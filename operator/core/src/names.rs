//! Every name that is made from a network's name; the one place, so that no two can differ.

use crate::network::KeySlot;
use crate::{ADMIN_PORT, Role};

/// Longest name of a network: the longest thing made of it is a pod's revision label, of 63 characters.
pub(crate) const LONGEST: usize = 40;

/// A network's place and the names of what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Its namespace.
    pub namespace: String,
    /// Its own name.
    pub network: String,
}

impl Names {
    /// Of the network `network` in `namespace`.
    pub fn new(namespace: impl Into<String>, network: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), network: network.into() }
    }

    /// StatefulSet, headless Service, service account and NetworkPolicy of a role.
    pub fn role(&self, role: Role) -> String {
        format!("{}-{role}", self.network)
    }

    /// The one pod of a role.
    pub fn pod(&self, role: Role) -> String {
        format!("{}-{role}-0", self.network)
    }

    /// The Service of a role's public port.
    pub fn public(&self, role: Role) -> String {
        format!("{}-{role}-public", self.network)
    }

    /// The Service that a load balancer leads to, for all roles.
    pub fn load_balancer(&self) -> String {
        format!("{}-public", self.network)
    }

    /// The ConfigMap with a role's configuration file.
    pub fn config(&self, role: Role) -> String {
        format!("{}-{role}-config", self.network)
    }

    /// A role's volume claim.
    pub fn data(&self, role: Role) -> String {
        format!("{}-{role}-data", self.network)
    }

    /// The Service of the metrics ports.
    pub fn metrics(&self) -> String {
        format!("{}-metrics", self.network)
    }

    /// The ConfigMap with the signed network document.
    pub fn document(&self) -> String {
        format!("{}-document", self.network)
    }

    /// The NetworkPolicy that closes everything.
    pub fn default_deny(&self) -> String {
        format!("{}-default-deny", self.network)
    }

    /// The Secret of a key.
    pub fn secret(&self, slot: KeySlot) -> String {
        format!("{}-{}", self.network, slot.suffix())
    }

    /// The name under which a role's pod is found, ready or not.
    pub fn pod_host(&self, role: Role) -> String {
        format!("{}.{}.{}.svc", self.pod(role), self.role(role), self.namespace)
    }

    /// A role's admin address.
    pub fn admin_url(&self, role: Role) -> String {
        format!("https://{}:{ADMIN_PORT}", self.pod_host(role))
    }

    /// The name of the Service of a role's public port.
    pub fn public_host(&self, role: Role) -> String {
        format!("{}.{}.svc", self.public(role), self.namespace)
    }

    /// The DNS names that stand in a role's workload certificate.
    pub fn dns(&self, role: Role) -> Vec<String> {
        vec![self.pod_host(role), format!("{}.{}.svc", self.role(role), self.namespace)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_network_name_leaves_every_made_name_within_a_label() {
        let names = Names::new("hq", "n".repeat(LONGEST));
        for role in Role::ALL {
            // The StatefulSet controller labels pods with its name and a hash of up to ten characters.
            assert!(names.role(role).len() + 11 <= 63);
            for name in [names.pod(role), names.public(role), names.config(role), names.data(role)] {
                assert!(name.len() <= 63, "{name}");
            }
        }
        for slot in KeySlot::ALL.into_iter().chain(KeySlot::NEXT) {
            assert!(names.secret(slot).len() <= 63);
        }
    }
}
