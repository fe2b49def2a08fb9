//! The network document in force: boot copy, what the operator puts, what is kept, and who follows it.
//!
//! Nobody goes back to an older one: not by a put, not by a restart. What the boot copy and the kept copy say
//! is checked like a stranger's (`wickr-pki`, `trust`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use prometheus::IntGauge;
use tokio::sync::{Mutex, watch};
use wickr_base::{Clock, Domain};
use wickr_pki::trust::{TrustError, WELL_KNOWN, read_document, read_document_whenever};
use wickr_pki::{CertificateDer, PkiError, anchors, certificates_from_pem, root_pin};
use wickr_policy::{NetworkDocument, Refusal, RootPin, may_replace};
use wickr_telemetry::{Metrics, MetricsError, Unit};
use wickr_wire::ProblemCode;

use crate::reload::causes;
use crate::{Gate, refuse, write_atomically};

/// The name of the kept copy in the data folder.
const KEPT: &str = "network-document.json";

/// A document that holds, as it came and as it is used.
#[derive(Debug, Clone)]
pub struct HeldDocument {
    /// What it says.
    pub document: NetworkDocument,
    /// As it was put and is served.
    pub body: Bytes,
    /// Pins of the roots that it names.
    pub roots: Vec<RootPin>,
    /// Issuers of devices and of session token signers, ready for checks.
    pub device_anchors: Vec<CertificateDer<'static>>,
    /// Issuers of workloads, ready for checks.
    pub workload_anchors: Vec<CertificateDer<'static>>,
}

/// Holds the document in force. All clones are one.
#[derive(Debug, Clone)]
pub struct DocumentHolder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    domain: Domain,
    pins: Vec<RootPin>,
    kept: PathBuf,
    clock: Arc<dyn Clock>,
    current: watch::Sender<Option<Arc<HeldDocument>>>,
    putting: Mutex<()>,
    gate: Gate,
    number: IntGauge,
    expires: IntGauge,
}

/// Why the holder can't begin.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The root's file can't be opened.
    #[error("reading the network's root from \"{path}\"")]
    ReadRoot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The root's file holds no certificate that can be read.
    #[error("using the network's root in \"{path}\"")]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PkiError,
    },
    /// The metrics were not declared.
    #[error("declaring the metrics of the network document")]
    Metrics(#[from] MetricsError),
}

/// Why a document was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It does not hold.
    #[error("the network document does not hold")]
    Trust(#[from] TrustError),
    /// It is another network's.
    #[error("the network document is of \"{given}\"; this service belongs to \"{ours}\"")]
    Domain {
        /// Its network.
        given: Domain,
        /// Ours.
        ours: Domain,
    },
    /// It may not take the place of the one in force.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be kept; the old one stays in force.
    #[error("keeping the network document in \"{path}\"")]
    Save {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DocumentHolder {
    /// Begins with the newer of boot copy and kept copy. Without either that holds, the gate stays closed and
    /// says why, and the first put opens it.
    pub fn open(
        domain: Domain,
        (boot, root, data): (&Path, &Path, &Path),
        clock: Arc<dyn Clock>,
        gate: Gate,
        metrics: &Metrics,
    ) -> Result<Self, DocumentError> {
        let pem = std::fs::read(root)
            .map_err(|source| DocumentError::ReadRoot { path: root.to_owned(), source })?;
        let pins = certificates_from_pem(&pem)
            .and_then(|roots| roots.iter().map(|root| root_pin(root)).collect())
            .map_err(|source| DocumentError::Root { path: root.to_owned(), source })?;
        let help = "Number of the network document in force.";
        let number = metrics.gauge("document_number", Unit::Count, help)?;
        let help = "When the network document in force expires.";
        let expires = metrics.gauge("document_expires", Unit::Timestamp, help)?;
        let holder = Self(Arc::new(Inner {
            domain,
            pins,
            kept: data.join(KEPT),
            clock,
            current: watch::Sender::new(None),
            putting: Mutex::new(()),
            gate,
            number,
            expires,
        }));
        let mut why = Vec::new();
        for path in [boot, &holder.0.kept] {
            match holder.read_copy(path) {
                Ok(held) => holder.take(held),
                Err(detail) => why.push(detail),
            }
        }
        if holder.current().is_none() {
            holder.0.gate.close(format!("no network document: {}", why.join("; ")));
        } else {
            holder.judge();
        }
        Ok(holder)
    }

    /// The document in force; none only until the first one came.
    pub fn current(&self) -> Option<Arc<HeldDocument>> {
        self.0.current.borrow().clone()
    }

    /// Follows the document in force.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<HeldDocument>>> {
        self.0.current.subscribe()
    }

    /// Takes a new document: checked, kept (synced) and only then in force. The one in force again is fine.
    pub async fn put(&self, body: Bytes) -> Result<Arc<HeldDocument>, PutError> {
        let _one_at_a_time = self.0.putting.lock().await;
        let current = self.current();
        let mut pins = self.0.pins.clone();
        pins.extend(current.iter().flat_map(|held| held.roots.iter().copied()));
        let trusted = read_document(&body, &pins, self.0.clock.now())?;
        let held = self.hold(trusted.document, trusted.roots, body)?;
        may_replace(current.as_ref().map(|held| &held.document), &held.document)?;
        if let Some(current) = current
            && current.document == held.document
        {
            return Ok(current);
        }
        let (path, body) = (self.0.kept.clone(), held.body.clone());
        let saved = tokio::task::spawn_blocking(move || write_atomically(&path, &body)).await;
        saved
            .unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)))
            .map_err(|source| PutError::Save { path: self.0.kept.clone(), source })?;
        tracing::info!(number = held.document.number, "a new network document is in force");
        let held = Arc::new(held);
        self.0.current.send_replace(Some(Arc::clone(&held)));
        self.judge();
        Ok(held)
    }

    /// The route that everybody may read.
    pub(crate) fn well_known(&self) -> Router {
        let holder = self.clone();
        Router::new().route(WELL_KNOWN, get(move || std::future::ready(holder.serve())))
    }

    fn serve(&self) -> Response {
        let Some(held) = self.current() else {
            return refuse(ProblemCode::Busy, "The network document is not there yet.").into_response();
        };
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
        (headers, held.body.clone()).into_response()
    }

    /// Sets gate and metrics by the clock; a document may expire while it is in force.
    pub(crate) fn judge(&self) {
        let Some(held) = self.current() else { return };
        let document = &held.document;
        self.0.number.set(i64::try_from(document.number).unwrap_or(i64::MAX));
        self.0.expires.set(document.expires_at.seconds());
        if document.is_live(self.0.clock.now()) {
            self.0.gate.open();
        } else {
            let (number, at) = (document.number, document.expires_at);
            self.0.gate.close(format!("network document {number} expired at {at}; no newer one was put"));
        }
    }

    fn read_copy(&self, path: &Path) -> Result<HeldDocument, String> {
        let told = |error: &dyn std::error::Error| format!("\"{}\": {}", path.display(), causes(error));
        let body = std::fs::read(path).map_err(|error| told(&error))?;
        let trusted =
            read_document_whenever(&body, &self.0.pins, self.0.clock.now()).map_err(|error| told(&error))?;
        self.hold(trusted.document, trusted.roots, body.into()).map_err(|error| told(&error))
    }

    fn hold(
        &self,
        document: NetworkDocument,
        roots: Vec<RootPin>,
        body: Bytes,
    ) -> Result<HeldDocument, PutError> {
        if document.domain != self.0.domain {
            return Err(PutError::Domain { given: document.domain, ours: self.0.domain.clone() });
        }
        let device_anchors = anchors(&document.anchors.device);
        let workload_anchors = anchors(&document.anchors.workload);
        Ok(HeldDocument { document, body, roots, device_anchors, workload_anchors })
    }

    /// At the start: the one with the higher number wins.
    fn take(&self, held: HeldDocument) {
        if self.current().is_none_or(|current| current.document.number < held.document.number) {
            self.0.current.send_replace(Some(Arc::new(held)));
        }
    }
}
