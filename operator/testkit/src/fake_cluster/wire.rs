//! One process's way to the fake cluster, which a test can stop in the middle of a write: what is on it then lands later,
//! whatever became of who sent it (answered in `serve`).

use std::io;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::channel::{mpsc, oneshot};
use http::Request;
use kube::Client;
use kube::client::Body as RequestBody;
use parking_lot::Mutex;

use super::FakeCluster;
use super::path::Address;
use super::serve::verb_of;

/// A way of its own to a cluster. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Wire {
    cluster: FakeCluster,
    gate: Arc<Mutex<Gate>>,
}

#[derive(Default)]
struct Gate {
    /// Where it stops: verb, plural, whom it tells.
    at: Option<(&'static str, &'static str, mpsc::UnboundedSender<String>)>,
    stopped: bool,
    waiting: Vec<Held>,
}

/// A request on the way: what lets it land, and what tells that it has.
struct Held {
    go: oneshot::Sender<()>,
    landed: oneshot::Receiver<()>,
}

impl Gate {
    /// What a request waits for, if it must.
    fn meet(
        &mut self,
        verb: &str,
        address: &Address,
    ) -> Option<(oneshot::Receiver<()>, oneshot::Sender<()>)> {
        if let Some((_, _, tell)) =
            self.at.take_if(|(at, plural, _)| *at == verb && *plural == address.plural)
        {
            self.stopped = true;
            drop(tell.unbounded_send(format!("{verb} {}/{}", address.plural, address.name)));
        }
        self.stopped.then(|| {
            let ((go, wait), (done, landed)) = (oneshot::channel(), oneshot::channel());
            self.waiting.push(Held { go, landed });
            (wait, done)
        })
    }
}

impl Wire {
    /// To `cluster`.
    pub fn to(cluster: &FakeCluster) -> Self {
        Self { cluster: cluster.clone(), gate: Arc::default() }
    }

    /// A client that goes this way.
    pub fn client(&self) -> Client {
        let wire = self.clone();
        let serve = move |request: Request<RequestBody>| {
            let wire = wire.clone();
            async move {
                let address = Address::read(request.uri());
                let held = address.and_then(|address| {
                    let verb = verb_of(request.method(), request.headers(), &address)?;
                    wire.gate.lock().meet(verb, &address)
                });
                let Some((wait, done)) = held else { return wire.cluster.serve(request).await };
                // As on a real one: nobody who goes away takes back what was sent.
                let landing = tokio::spawn(async move {
                    wait.await.ok();
                    let answer = wire.cluster.serve(request).await;
                    done.send(()).ok();
                    answer
                });
                landing.await.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
        };
        Client::new(tower::service_fn(serve), "default")
    }

    /// Stops with the next such write, which is sent and doesn't land, and whatever comes after it; watches that are
    /// open go on. Waits for it and says what it is.
    pub fn stop_at(&self, verb: &'static str, plural: &'static str) -> impl Future<Output = Option<String>> {
        let (tell, mut told) = mpsc::unbounded();
        self.gate.lock().at = Some((verb, plural, tell));
        async move { told.next().await }
    }

    /// Stops with whatever comes now.
    pub fn stop(&self) {
        self.gate.lock().stopped = true;
    }

    /// Lets everything land in the order in which it was sent, and waits for it.
    pub async fn go_on(&self) {
        let waiting = {
            let mut gate = self.gate.lock();
            gate.stopped = false;
            std::mem::take(&mut gate.waiting)
        };
        for Held { go, landed } in waiting {
            go.send(()).ok();
            landed.await.ok();
        }
    }
}
