//! What can go wrong when acting, one variant per step, and which class it is of (what follows: `drive`).

use std::error::Error as _;

use crate::ObjectName;

/// What to do about a failure. Exhaustively matched wherever it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The API server, or somebody else's object, says no: await a change, look again now and then.
    Refused,
    /// It passes by itself: per-object exponential backoff.
    Transient,
    /// The operator lacks a right, or the kind is not served: said with verb and kind, tried every minute.
    Forbidden,
    /// Cannot happen; a counter alerts.
    Bug,
}

impl Class {
    /// All of them, for metrics that start at zero.
    pub const ALL: &'static [Self] = &[Self::Refused, Self::Transient, Self::Forbidden, Self::Bug];

    /// As it stands in metrics and conditions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Transient => "Transient",
            Self::Forbidden => "Forbidden",
            Self::Bug => "Bug",
        }
    }
}

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
    /// The watch that fills the cache doesn't run.
    #[error("watching {resource}: {reason}")]
    Watch {
        /// The resource as RBAC names it.
        resource: String,
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
            | Self::Event { source, .. } => class_of(source),
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
            | Self::Delete { object, .. } => format!("{} {object}", self.verb()),
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
            | Self::Event { source, .. } => reason(source),
            Self::Watch { reason, .. } => reason.clone(),
            Self::Occupied { .. } => "it exists already and is not ours".to_owned(),
            Self::Fenced { .. } => "another operator leads".to_owned(),
            Self::Unreadable { source, .. } => source.to_string(),
            Self::Undeclared { .. } => "no watch is declared for it".to_owned(),
            Self::Panic { text, .. } => format!("it panicked: {text}"),
        }
    }

    /// What to do next, for a person.
    pub fn next_step(&self) -> String {
        let what = self.object().map_or_else(|| "it".to_owned(), ToString::to_string);
        match (self, self.class()) {
            (Self::Watch { resource, .. }, Class::Forbidden) => {
                format!("grant the operator the verbs list and watch on {resource}")
            }
            (Self::Status { object, .. }, Class::Forbidden) => {
                format!("grant the operator the verb patch on {}/status", object.resource)
            }
            (_, Class::Forbidden) => match self.object() {
                Some(object) => format!(
                    "grant the operator the verb {} on {} in namespace \"{}\"",
                    self.verb(),
                    object.resource,
                    object.key.namespace
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

fn class_of(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => Class::Forbidden,
            403 if lacks_a_right(&status.message) => Class::Forbidden,
            404 if not_served(&status.message) => Class::Forbidden,
            400 | 403 | 413 | 422 => Class::Refused,
            404 | 408 | 409 | 410 | 425 | 429 => Class::Transient,
            code if code >= 500 => Class::Transient,
            _ => Class::Bug,
        },
        kube::Error::HyperError(_)
        | kube::Error::Service(_)
        | kube::Error::ReadEvents(_)
        | kube::Error::HttpError(_)
        | kube::Error::Auth(_) => Class::Transient,
        _ => Class::Bug,
    }
}

/// A 403 of RBAC names user, verb and resource; one of an admission plugin (quota, volume resize) doesn't.
pub(crate) fn lacks_a_right(message: &str) -> bool {
    message.contains("User \"") && message.contains(" cannot ")
}

pub(crate) fn not_served(message: &str) -> bool {
    message.contains("could not find the requested resource") || message.contains("page not found")
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

    fn create(code: u16, message: &str) -> Failure {
        let object = ObjectName::new(&ApiResource::erase::<Secret>(&()), Key::new("hq", "hq-root"));
        let status = Status::failure(message, "").with_code(code).boxed();
        Failure::Create { object, source: Box::new(kube::Error::Api(status)) }
    }

    #[test]
    fn a_missing_right_is_forbidden_and_names_verb_kind_and_namespace() {
        let failure = create(
            403,
            "secrets is forbidden: User \"system:serviceaccount:w:op\" cannot create resource \"secrets\" in API group \"\" in the namespace \"hq\"",
        );
        assert_eq!(failure.class(), Class::Forbidden);
        assert_eq!(failure.next_step(), "grant the operator the verb create on secrets in namespace \"hq\"");
        assert!(failure.to_string().starts_with("creating Secret hq/hq-root: secrets is forbidden"));
        assert_eq!(failure.attempted(), "create Secret hq/hq-root");
        assert!(failure.cause().starts_with("secrets is forbidden"));
    }

    #[test]
    fn an_admission_plugin_that_says_no_is_a_refusal_not_a_missing_right() {
        let quota =
            create(403, "secrets \"hq-root\" is forbidden: exceeded quota: q, requested: count/secrets=1");
        assert_eq!(quota.class(), Class::Refused);
        assert_eq!(create(422, "Secret is invalid").class(), Class::Refused);
    }

    #[test]
    fn conflicts_limits_and_server_errors_pass_by_themselves() {
        for code in [404, 408, 409, 410, 429, 500, 503, 504] {
            assert_eq!(create(code, "no").class(), Class::Transient, "{code}");
        }
        assert_eq!(create(404, "the server could not find the requested resource").class(), Class::Forbidden);
        assert_eq!(create(405, "no").class(), Class::Bug);
    }
}
