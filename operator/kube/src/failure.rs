//! What can go wrong when acting, one variant per step (which class it is of: `class`; what follows: `drive`).

use std::error::Error as _;

use crate::class::class_of;
use crate::{Class, ObjectName};

/// Why a step of a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Reading a referenced object by name.
    #[error("reading {object}: {}", reason(source))]
    Lookup {
        /// What was read.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Creating an object that is not there.
    #[error("creating {object}: {}", reason(source))]
    Create {
        /// What was created.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Applying fields to an object that is there.
    #[error("applying {object}: {}", reason(source))]
    Apply {
        /// What was applied to.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Deleting an object of ours that is not wanted any more.
    #[error("deleting {object}: {}", reason(source))]
    Delete {
        /// What was deleted.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Writing the status.
    #[error("writing the status of {object}: {}", reason(source))]
    Status {
        /// Whose status.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Adding or removing a finalizer.
    #[error("changing the finalizers of {object}: {}", reason(source))]
    Finalize {
        /// Whose finalizers.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Publishing an event.
    #[error("publishing an event about {object}: {}", reason(source))]
    Event {
        /// What it is about.
        object: ObjectName,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// Looking at, taking or renewing the lease.
    #[error("keeping {object}: {}", reason(source))]
    Lease {
        /// The lease.
        object: ObjectName,
        /// The API verb.
        verb: &'static str,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// The watch that fills the cache doesn't run.
    #[error("watching {resource}: {reason}")]
    Watch {
        /// The resource as RBAC names it.
        resource: String,
        /// The namespace, or `""` for all.
        scope: String,
        /// Whether the API server said that the operator may not.
        forbidden: bool,
        /// The API server's answer.
        reason: String,
    },
    /// Somebody else's object has the name that ours needs.
    #[error("{object} exists already and is not ours")]
    Occupied {
        /// The object.
        object: ObjectName,
    },
    /// This process is not the one that may write now.
    #[error("{object} is left alone: another operator leads")]
    Fenced {
        /// The object.
        object: ObjectName,
    },
    /// An object is not of the shape of its kind.
    #[error("reading the fields of {object}: {source}")]
    Unreadable {
        /// The object.
        object: ObjectName,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A pass asked for a kind that nobody watches.
    #[error("no watch is declared for {resource}")]
    Undeclared {
        /// The resource as RBAC names it.
        resource: String,
    },
    /// A pass panicked.
    #[error("a pass over {key} panicked: {text}")]
    Panic {
        /// Which object.
        key: crate::Key,
        /// What the panic said.
        text: String,
    },
}

impl Failure {
    /// Which class it is of.
    pub fn class(&self) -> Class {
        match self {
            Self::Lookup { source, .. }
            | Self::Create { source, .. }
            | Self::Apply { source, .. }
            | Self::Delete { source, .. }
            | Self::Status { source, .. }
            | Self::Finalize { source, .. }
            | Self::Event { source, .. }
            | Self::Lease { source, .. } => class_of(source),
            Self::Watch { forbidden: true, .. } => Class::Forbidden,
            Self::Watch { forbidden: false, .. } | Self::Fenced { .. } => Class::Transient,
            Self::Occupied { .. } => Class::Refused,
            Self::Unreadable { .. } | Self::Undeclared { .. } | Self::Panic { .. } => Class::Bug,
        }
    }

    /// The API verb that was attempted; empty for a step that sends nothing.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Lookup { .. } => "get",
            Self::Create { .. } | Self::Event { .. } => "create",
            Self::Apply { .. } | Self::Status { .. } | Self::Finalize { .. } => "patch",
            Self::Delete { .. } => "delete",
            Self::Watch { .. } => "list and watch",
            Self::Lease { verb, .. } => verb,
            Self::Occupied { .. }
            | Self::Fenced { .. }
            | Self::Unreadable { .. }
            | Self::Undeclared { .. }
            | Self::Panic { .. } => "",
        }
    }

    /// The object concerned, where there is one.
    pub fn object(&self) -> Option<&ObjectName> {
        match self {
            Self::Lookup { object, .. }
            | Self::Create { object, .. }
            | Self::Apply { object, .. }
            | Self::Delete { object, .. }
            | Self::Status { object, .. }
            | Self::Finalize { object, .. }
            | Self::Event { object, .. }
            | Self::Lease { object, .. }
            | Self::Occupied { object }
            | Self::Fenced { object }
            | Self::Unreadable { object, .. } => Some(object),
            Self::Watch { .. } | Self::Undeclared { .. } | Self::Panic { .. } => None,
        }
    }

    /// What was attempted, in the imperative: `create Secret hq/hq-root`.
    pub fn attempted(&self) -> String {
        match self {
            Self::Lookup { object, .. }
            | Self::Create { object, .. }
            | Self::Apply { object, .. }
            | Self::Delete { object, .. }
            | Self::Lease { object, .. } => format!("{} {object}", self.verb()),
            Self::Status { object, .. } => format!("patch the status of {object}"),
            Self::Finalize { object, .. } => format!("patch the finalizers of {object}"),
            Self::Event { object, .. } => format!("create an event about {object}"),
            Self::Watch { resource, .. } | Self::Undeclared { resource } => {
                format!("list and watch {resource}")
            }
            Self::Occupied { object } => format!("create {object}"),
            Self::Fenced { object } => format!("write {object}"),
            Self::Unreadable { object, .. } => format!("read {object}"),
            Self::Panic { key, .. } => format!("look at {key}"),
        }
    }

    /// What stood in the way, without what was attempted.
    pub fn cause(&self) -> String {
        match self {
            Self::Lookup { source, .. }
            | Self::Create { source, .. }
            | Self::Apply { source, .. }
            | Self::Delete { source, .. }
            | Self::Status { source, .. }
            | Self::Finalize { source, .. }
            | Self::Event { source, .. }
            | Self::Lease { source, .. } => reason(source),
            Self::Watch { reason, .. } => reason.clone(),
            Self::Occupied { .. } => "it exists already and is not ours".to_owned(),
            Self::Fenced { .. } => "another operator leads".to_owned(),
            Self::Unreadable { source, .. } => source.to_string(),
            Self::Undeclared { .. } => "no watch is declared for it".to_owned(),
            Self::Panic { text, .. } => format!("it panicked: {text}"),
        }
    }

    /// The resource as a rule of RBAC must name it.
    fn granted_on(&self, object: &ObjectName) -> String {
        match self {
            Self::Status { .. } => format!("{}/status", object.resource),
            Self::Event { .. } => "events.events.k8s.io".to_owned(),
            _ => object.resource.clone(),
        }
    }

    /// What to do next, for a person.
    pub fn next_step(&self) -> String {
        let what = self.object().map_or_else(|| "it".to_owned(), ToString::to_string);
        match (self, self.class()) {
            (Self::Watch { resource, scope, .. }, Class::Forbidden) => {
                format!("grant the operator the verbs list and watch on {resource} {}", place(scope))
            }
            (_, Class::Forbidden) => match self.object() {
                Some(object) => format!(
                    "grant the operator the verb {} on {} {}",
                    self.verb(),
                    self.granted_on(object),
                    place(&object.key.namespace)
                ),
                None => "look into the operator's log".to_owned(),
            },
            (Self::Occupied { .. }, _) => format!("rename or delete {what}, the operator needs the name"),
            (_, Class::Refused) => {
                format!("see why the API server refuses {what}, change the spec or the rule")
            }
            (_, Class::Transient) => "nothing: it is tried again by itself".to_owned(),
            (_, Class::Bug) => "report it with the operator's log".to_owned(),
        }
    }

    /// Whether the API server answered that the object isn't as we saw it (409).
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Create { source, .. }
            | Self::Apply { source, .. }
            | Self::Delete { source, .. }
            | Self::Status { source, .. }
            | Self::Finalize { source, .. } => {
                matches!(source.as_ref(), kube::Error::Api(status) if status.code == 409)
            }
            _ => false,
        }
    }
}

/// Where a right is missing: in a namespace, or everywhere.
fn place(namespace: &str) -> String {
    if namespace.is_empty() {
        "in the whole cluster".to_owned()
    } else {
        format!("in namespace \"{namespace}\"")
    }
}

/// The innermost sentence that still says something: the API server's message, or the end of the chain.
pub(crate) fn reason(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return if status.message.is_empty() {
            format!("HTTP {}", status.code)
        } else {
            status.message.clone()
        };
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use k8s_openapi::api::core::v1::Secret;
    use kube::core::{ApiResource, Status};

    fn root() -> ObjectName {
        ObjectName::new(&ApiResource::erase::<Secret>(&()), Key::new("hq", "hq-root"))
    }

    fn answer(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "").with_code(code).boxed())
    }

    #[test]
    fn a_missing_right_is_forbidden_and_names_verb_kind_and_namespace() {
        let said = "secrets is forbidden: User \"system:serviceaccount:w:op\" cannot create resource \"secrets\" in API group \"\" in the namespace \"hq\"";
        let failure = Failure::Create { object: root(), source: Box::new(answer(403, said)) };
        assert_eq!(failure.class(), Class::Forbidden);
        assert_eq!(failure.next_step(), "grant the operator the verb create on secrets in namespace \"hq\"");
        assert!(failure.to_string().starts_with("creating Secret hq/hq-root: secrets is forbidden"));
        assert_eq!(failure.attempted(), "create Secret hq/hq-root");
        assert!(failure.cause().starts_with("secrets is forbidden"));
    }

    #[test]
    fn a_right_on_status_or_events_is_named_as_rbac_names_it() {
        let said = "x is forbidden: User \"op\" cannot patch resource \"x\" in API group \"\" in the namespace \"hq\"";
        let status = Failure::Status { object: root(), source: Box::new(answer(403, said)) };
        assert_eq!(
            status.next_step(),
            "grant the operator the verb patch on secrets/status in namespace \"hq\""
        );
        let event = Failure::Event { object: root(), source: Box::new(answer(403, said)) };
        let next = "grant the operator the verb create on events.events.k8s.io in namespace \"hq\"";
        assert_eq!(event.next_step(), next);
    }
}
