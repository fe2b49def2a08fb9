//! Puts a running operator together: caches, poller, controllers (started by `main`, and by tests on their own terms).

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::ApiResource;
use wickr_base::{Clock, Rng};
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::Env;
use wickr_operator_kube::lease::Lead;
use wickr_operator_kube::{Cache, Controller, Driver, Events, Key, Metrics, Poller, Queue, Watches, Writer};

use crate::context::{Context, Numbers};
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
    /// Whether this process may act.
    pub lead: Lead,
}

/// An operator that is ready to run.
pub struct Operator {
    /// Its surroundings.
    pub context: Arc<Context>,
    networks: Queue,
    providers: Queue,
    instance: String,
    metrics: Metrics,
    watches: Watches,
    watching: Client,
}

impl Operator {
    /// Puts it together; nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, watching, env, namespaces, instance, clock, rng, metrics, lead } = parts;
        let (cache, networks, providers) = (Cache::default(), Queue::new(), Queue::new());
        index(&cache);
        let contacts = Arc::new(Contacts::default());
        let context = Arc::new(Context {
            client,
            cache: cache.clone(),
            env,
            clock: clock.clone(),
            rng,
            lead,
            contacts: contacts.clone(),
            poller: poller(contacts, &cache, &clock, &networks, &providers, &metrics),
            rehearsals: rehearsals(&clock, &providers),
            numbers: Numbers::default(),
            unmet: metrics.unmet(),
        });
        let mut watches = Watches::new(cache.clone(), namespaces);
        watches.add(network::NAME, &resource_of::<WickrNetwork>(), network_watches(&cache), &networks);
        let provider_kind = resource_of::<IdentityProvider>();
        watches.add(identity_provider::NAME, &provider_kind, provider_watches(&cache), &providers);
        Self { context, networks, providers, instance, metrics, watches, watching }
    }

    /// Runs until dropped: watches always, so that a replica that stands by knows what there is; passes, and questions to
    /// services, once every watch has something to say, and only while this process leads.
    pub async fn run(self, workers: usize) {
        let acting = async {
            self.context.cache.wait_settled().await;
            tracing::info!("the caches are filled");
            loop {
                let number = self.context.lead.gained().await;
                self.act(workers, number).await;
            }
        };
        tokio::join!(self.watches.run(self.watching.clone()), acting);
    }

    /// Acts until the lead of this number is lost. Everything that was found out by acting is forgotten then: whoever
    /// acts next changes it.
    async fn act(&self, workers: usize, number: u64) {
        let Context { lead, poller, rehearsals, unmet, .. } = self.context.as_ref();
        let (writer, teller) = self.hands(network::NAME);
        let network = NetworkController::new(self.context.clone(), writer, teller);
        let (writer, teller) = self.hands(identity_provider::NAME);
        let provider = ProviderController::new(self.context.clone(), writer, teller);
        self.metrics.leading(true);
        tracing::info!("passes begin");
        self.open(&self.networks, &resource_of::<WickrNetwork>());
        self.open(&self.providers, &resource_of::<IdentityProvider>());
        let passes = async {
            tokio::join!(
                self.drive(&self.networks, network, workers, lead.lost(number)),
                self.drive(&self.providers, provider, workers, lead.lost(number)),
            )
        };
        tokio::select! {
            _ = passes => {}
            () = poller.clone().run() => {}
        }
        self.networks.close();
        self.providers.close();
        poller.forget_all();
        rehearsals.forget_all();
        unmet.forget_all();
        self.metrics.leading(false);
        tracing::warn!("passes end: this operator leads no more");
    }

    /// First open, then every object: one that comes in between is added by its watch.
    fn open(&self, queue: &Queue, kind: &ApiResource) {
        queue.open();
        self.context.cache.keys(kind, "").into_iter().for_each(|key| queue.add(key));
    }

    async fn drive<C: Controller>(
        &self,
        queue: &Queue,
        controller: C,
        workers: usize,
        end: impl Future<Output = ()>,
    ) {
        let (clock, rng) = (self.context.clock.clone(), self.context.rng.clone());
        let driver = Driver::new(queue.clone(), clock, rng, self.metrics.clone());
        Arc::new(driver).run(Arc::new(controller), workers, end).await;
    }

    /// What writes in the name of a controller, as long as this process leads.
    fn hands(&self, name: &str) -> (Writer, Teller) {
        let Context { client, cache, clock, lead, .. } = self.context.as_ref();
        let requests = || self.metrics.requests();
        let writer = Writer::new(client.clone(), cache.clone(), name, requests()).fenced(lead.fence());
        let events = Events::new(client.clone(), name, &self.instance, clock.clone(), requests());
        (writer, Teller::new(events.fenced(lead.fence())))
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
