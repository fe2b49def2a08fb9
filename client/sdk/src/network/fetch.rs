//! Fetching the network document: the first time by nothing but the pin, later over verified TLS; never an older one.

use reqwest::Method;
use wickr_pki::tls::ServerTrust;
use wickr_pki::trust::{TrustError, WELL_KNOWN, read_document, read_document_whenever};
use wickr_policy::{JoinUrl, Refusal, RootPin, may_replace};

use super::Believed;
use crate::environment::Environment;
use crate::net::{Body, Http, HttpError};
use crate::store::{KeptDocument, Store, StoreError};

/// Why there is no network document to go by.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It could not be fetched.
    #[error("fetching the network document from {url}")]
    Fetch {
        /// Where.
        url: String,
        /// Why.
        source: HttpError,
    },
    /// It does not lead back to the pin.
    #[error("the network document from {url} is not to be believed")]
    Trust {
        /// Where it came from.
        url: String,
        /// Why.
        source: Box<TrustError>,
    },
    /// It is older than the one held, or another network's.
    #[error("the network document from {url} is refused")]
    Refused {
        /// Where it came from.
        url: String,
        /// Why.
        source: Box<Refusal>,
    },
    /// Its rooms go by a suite that this program does not have.
    #[error("the network's rooms use the suite {0:?}, which this program does not have")]
    Suite(wickr_policy::Suite),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody has signed in.
    #[error("nobody is signed in with this profile")]
    NotJoined,
}

/// The network behind a join address. TLS is not verified: the document proves itself by the pin, and everything
/// after it is verified by the document.
pub(crate) async fn join(
    join: &JoinUrl,
    store: &Store,
    environment: &Environment,
) -> Result<Believed, NetworkError> {
    let body = fetch(&join.document_url(), ServerTrust::FirstContact, environment).await?;
    accept(join, join.document_url(), &body, &[join.root()], store, environment)
}

/// The network as kept; fetched when what is kept has expired and there is a connection to fetch over, else as it was:
/// without a connection this device can still show what it holds, and the next connection refuses an expired document.
pub(crate) async fn kept(store: &Store, environment: &Environment) -> Result<Believed, NetworkError> {
    match refresh(store, environment, FetchAnew::Expired).await {
        Err(NetworkError::Fetch { .. }) => {
            let KeptDocument { body, pins } = store.document()?.ok_or(NetworkError::NotJoined)?;
            let now = environment.clock.now();
            let url = "the store".to_owned();
            let trusted = read_document_whenever(&body, &pins, now)
                .map_err(|error| NetworkError::Trust { url, source: Box::new(error) })?;
            Believed::new(trusted)
        }
        other => other,
    }
}

/// What, beside its expiry, has the kept document fetched anew.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FetchAnew {
    /// Nothing.
    Expired,
    /// The kept one is older than this number.
    OlderThan(u64),
    /// Somebody who is trusted by it could not be reached by it.
    Always,
}

/// The network as kept, or fetched anew.
pub(crate) async fn refresh(
    store: &Store,
    environment: &Environment,
    anew: FetchAnew,
) -> Result<Believed, NetworkError> {
    let join = store.join_url()?.ok_or(NetworkError::NotJoined)?;
    let KeptDocument { body, pins } = store.document()?.ok_or(NetworkError::NotJoined)?;
    let held = match read_document(&body, &pins, environment.clock.now()) {
        Ok(trusted) => Some(Believed::new(trusted)?),
        // Expired while this device was away: the anchors may have changed too, so the pins must carry it alone.
        Err(_) => None,
    };
    let serves = |held: &Believed| match anew {
        FetchAnew::Expired => true,
        FetchAnew::OlderThan(newest) => held.document().number >= newest,
        FetchAnew::Always => false,
    };
    let (url, trust) = match &held {
        Some(held) if serves(held) => return Ok(held.clone()),
        Some(held) => (held.relay().https(WELL_KNOWN), held.trust()),
        None => (join.document_url(), ServerTrust::FirstContact),
    };
    let body = match fetch(&url, trust, environment).await {
        Ok(body) => body,
        // The TLS anchors themselves may be what has changed.
        Err(_) => fetch(&url, ServerTrust::FirstContact, environment).await?,
    };
    accept(&join, url, &body, &pins, store, environment)
}

async fn fetch(url: &str, trust: ServerTrust, environment: &Environment) -> Result<Vec<u8>, NetworkError> {
    let failed = |source| NetworkError::Fetch { url: url.to_owned(), source };
    let http = Http::new(trust, environment, environment.timings.connect).map_err(failed)?;
    http.bytes(Method::GET, url, Body::default()).await.map_err(failed)
}

fn accept(
    join: &JoinUrl,
    url: String,
    body: &[u8],
    pins: &[RootPin],
    store: &Store,
    environment: &Environment,
) -> Result<Believed, NetworkError> {
    let now = environment.clock.now();
    let trusted = read_document(body, pins, now)
        .map_err(|error| NetworkError::Trust { url: url.clone(), source: Box::new(error) })?;
    if let Some(KeptDocument { body: held, pins }) = store.document()? {
        // An expired one still says which number was reached.
        if let Ok(held) = read_document_whenever(&held, &pins, now) {
            may_replace(Some(&held.document), &trusted.document)
                .map_err(|error| NetworkError::Refused { url, source: Box::new(error) })?;
        }
    }
    let roots = trusted.roots.clone();
    let believed = Believed::new(trusted)?;
    // The roots that a believed document names are the pins from now on: so a root can change.
    store.save_document(join, body, &roots)?;
    Ok(believed)
}
