//! Puts a running operator together: caches, poller, controllers (started by `main`, and by tests on their own terms).

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use wickr_base::{Clock, Rng};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::Env;
use wickr_operator_kube::{Cache, Driver, Events, Key, Metrics, Poller, Queue, Watches, Writer};

use crate::context::Context;
use crate::identity_provider::{self, ProviderController};
use crate::kinds::{index, network_watches, provider_watches, resource_of};
use crate::network::{self, NetworkController};
use crate::services::{Contacts, Rehearsals, Services};
use crate::tell::Teller;

/// Answers that come within this time are looked at together: a network's services are asked all at once.
const TOGETHER: Duration = Duration::from_millis(100);

/// What an operator is made of.
pub struct Parts {
    /// For passes: what is read by name, and all writes.
    pub client: Client,
    /// For watches, which are silent for long.
    pub watching: Client,
    /// Images, and the operator's own place in the cluster.
    pub env: Env,
    /// Namespaces to watch; none means all.
    pub namespaces: Vec<String>,
    /// The name that stands in events.
    pub instance: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// What is counted.
    pub metrics: Metrics,
}

/// An operator that is ready to run.
pub struct Operator {
    /// Its surroundings.
    pub context: Arc<Context>,
    networks: (Queue, Arc<Driver>, Arc<NetworkController>),
    providers: (Queue, Arc<Driver>, Arc<ProviderController>),
    watches: Watches,
    watching: Client,
}

impl Operator {
    /// Puts it together; nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, watching, env, namespaces, instance, clock, rng, metrics } = parts;
        let (cache, networks, providers) = (Cache::default(), Queue::new(), Queue::new());
        index(&cache);
        let contacts = Arc::new(Contacts::default());
        let context = Arc::new(Context {
            client: client.clone(),
            cache: cache.clone(),
            env,
            clock: clock.clone(),
            rng: rng.clone(),
            contacts: contacts.clone(),
            poller: poller(contacts, &cache, &clock, &networks, &providers, &metrics),
            rehearsals: rehearsals(&clock, &providers),
            unmet: metrics.unmet(),
        });
        let hands = |name: &str| {
            let writer = Writer::new(client.clone(), cache.clone(), name, metrics.requests());
            let events = Events::new(client.clone(), name, &instance, clock.clone(), metrics.requests());
            (writer, Teller::new(events))
        };
        let driver =
            |queue: &Queue| Arc::new(Driver::new(queue.clone(), clock.clone(), rng.clone(), metrics.clone()));
        let (writer, teller) = hands(network::NAME);
        let network = Arc::new(NetworkController::new(context.clone(), writer, teller));
        let (writer, teller) = hands(identity_provider::NAME);
        let provider = Arc::new(ProviderController::new(context.clone(), writer, teller));
        let mut watches = Watches::new(cache.clone(), namespaces);
        watches.add(network::NAME, &resource_of::<WickrNetwork>(), network_watches(&cache), &networks);
        let provider_kind = resource_of::<IdentityProvider>();
        watches.add(identity_provider::NAME, &provider_kind, provider_watches(&cache), &providers);
        Self {
            context,
            networks: (networks.clone(), driver(&networks), network),
            providers: (providers.clone(), driver(&providers), provider),
            watches,
            watching,
        }
    }

    /// Runs until dropped: watches first, passes once every watch has something to say.
    pub async fn run(self, workers: usize) {
        let Self { context, networks, providers, watches, watching } = self;
        let cache = context.cache.clone();
        let passes = async {
            cache.wait_settled().await;
            tracing::info!("the caches are filled, passes begin");
            networks.0.open();
            providers.0.open();
            tokio::join!(networks.1.run(networks.2, workers), providers.1.run(providers.2, workers));
        };
        tokio::join!(watches.run(watching), context.poller.clone().run(), passes);
    }
}

fn poller(
    contacts: Arc<Contacts>,
    cache: &Cache,
    clock: &Arc<dyn Clock>,
    networks: &Queue,
    providers: &Queue,
    metrics: &Metrics,
) -> Poller<Services> {
    let (cache, networks, providers) = (cache.clone(), networks.clone(), providers.clone());
    // What sso says matters to the providers of its namespace too.
    let wake = move |network: &Key| {
        networks.add_within(network.clone(), TOGETHER);
        for provider in cache.keys(&resource_of::<IdentityProvider>(), &network.namespace) {
            providers.add_within(provider, TOGETHER);
        }
    };
    Poller::new(Services::new(contacts), clock.clone(), Arc::new(wake), metrics.polls())
}

fn rehearsals(clock: &Arc<dyn Clock>, providers: &Queue) -> Rehearsals {
    let providers = providers.clone();
    Rehearsals::new(clock.clone(), Arc::new(move |provider: &Key| providers.add(provider.clone())))
}
