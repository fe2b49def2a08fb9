//! Failures of effects in core's words: class, what was attempted, what stood in the way, what to do next.

use wickr_operator_core::{Explained, FailureClass};
use wickr_operator_kube::{Class, Failure, Outcome};

/// A step of apply that failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The API server said no, or nothing.
    #[error("{}: {}", .0.attempted(), .0.cause())]
    Cluster(#[source] Failure),
    /// The API server refused the node port that a field of the spec gives a Service.
    #[error("{}: {path}: {}", .source.attempted(), .source.cause())]
    Port {
        /// The field.
        path: &'static str,
        /// What it said.
        source: Box<Failure>,
    },
    /// A key could not be made from what is there.
    #[error("make {object}: {why}")]
    Key {
        /// The Secret.
        object: String,
        /// Why.
        why: String,
        /// What to do about it.
        next: String,
    },
    /// The document could not be signed with the keys that are there.
    #[error("sign the network document of {network}: {why}")]
    Sign {
        /// The network.
        network: String,
        /// Why.
        why: String,
    },
    /// A service did not take the document.
    #[error("send network document {number} to {pod}: {why}")]
    Push {
        /// The document's number.
        number: u64,
        /// The pod.
        pod: String,
        /// Why.
        why: String,
    },
}

impl From<Failure> for ApplyError {
    fn from(failure: Failure) -> Self {
        Self::Cluster(failure)
    }
}

/// In core's words; `failed` passes in a row failed before this one.
pub fn failure(failure: &Failure, failed: u32) -> Explained {
    Explained {
        class: class(failure.class()),
        attempted: failure.attempted(),
        message: failure.cause(),
        next: failure.next_step(),
        attempts: failed.saturating_add(1),
    }
}

/// The same for a step of apply.
pub fn apply_error(error: &ApplyError, failed: u32) -> Explained {
    let explained = |class, attempted: String, message: &str, next: &str| Explained {
        class,
        attempted,
        message: message.to_owned(),
        next: next.to_owned(),
        attempts: failed.saturating_add(1),
    };
    match error {
        ApplyError::Cluster(source) => failure(source, failed),
        ApplyError::Port { path, source } => Explained {
            message: format!("{path}: {}", source.cause()),
            next: format!(
                "set {path} to a port that is free and that the cluster has for Services of type NodePort"
            ),
            ..failure(source, failed)
        },
        ApplyError::Key { object, why, next } => {
            explained(FailureClass::Refused, format!("make {object}"), why, next)
        }
        ApplyError::Sign { network, why } => explained(
            FailureClass::Refused,
            format!("sign the network document of {network}"),
            why,
            "restore the network's Secrets from one backup",
        ),
        ApplyError::Push { number, pod, why } => explained(
            FailureClass::Transient,
            format!("send network document {number} to {pod}"),
            why,
            "nothing: it is sent again",
        ),
    }
}

/// What follows a pass that failed so.
pub fn outcome(explained: &Explained) -> Outcome {
    let class = match explained.class {
        FailureClass::Refused => Class::Refused,
        FailureClass::Holding | FailureClass::Transient => Class::Transient,
        FailureClass::Forbidden => Class::Forbidden,
        FailureClass::Bug => Class::Bug,
    };
    Outcome::Failed { class, text: explained.to_string() }
}

fn class(class: Class) -> FailureClass {
    match class {
        Class::Refused => FailureClass::Refused,
        Class::Transient => FailureClass::Transient,
        Class::Forbidden => FailureClass::Forbidden,
        Class::Bug => FailureClass::Bug,
    }
}
