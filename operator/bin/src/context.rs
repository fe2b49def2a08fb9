//! What every pass is given: the client, the caches, time, randomness, and what live services said.

use std::collections::HashMap;
use std::sync::Arc;

use kube::Client;
use parking_lot::Mutex;
use wickr_base::{Clock, Rng};
use wickr_operator_core::Env;
use wickr_operator_kube::lease::Lead;
use wickr_operator_kube::{Cache, Key, Poller, Unmet, View};

use crate::services::{Contacts, Rehearsals, Services};

/// The surroundings of every pass, the same for all.
pub struct Context {
    /// For what is read by name.
    pub client: Client,
    /// What the watches have shown.
    pub cache: Cache,
    /// Images, and the operator's own place in the cluster.
    pub env: Env,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for keys.
    pub rng: Arc<dyn Rng>,
    /// Whether this process may act now.
    pub lead: Lead,
    /// How services of each network are reached.
    pub contacts: Arc<Contacts>,
    /// What services said last.
    pub poller: Poller<Services>,
    /// Rehearsals that run beside the passes.
    pub rehearsals: Rehearsals,
    /// The highest document of each network, whatever becomes of what is kept in the cluster.
    pub numbers: Numbers,
    /// Conditions that are not as they should be, counted.
    pub unmet: Unmet,
}

impl Context {
    /// The eyes of one pass.
    pub fn view(&self) -> View {
        View::new(self.client.clone(), self.cache.clone())
    }
}

/// The highest number of a document that was seen of each network, by this process. Status and the kept document tell it
/// too, but a restore of etcd takes both back together.
#[derive(Debug, Default)]
pub struct Numbers(Mutex<HashMap<Key, u64>>);

impl Numbers {
    /// Takes in a number; gives back the highest.
    pub fn raise(&self, network: &Key, number: u64) -> u64 {
        let mut all = self.0.lock();
        let highest = all.entry(network.clone()).or_default();
        *highest = number.max(*highest);
        *highest
    }
}
