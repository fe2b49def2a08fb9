//! What is to be written or deleted, as values: the driver sends them as they stand.

use std::fmt;

use serde_json::{Value, json};

use crate::KindRow;

/// An object that is to be written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: KindRow,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The uid that gather saw; `None` when it saw none.
    pub uid: Option<String>,
    /// The resource version that gather saw.
    pub resource_version: Option<String>,
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// POST: gather saw no such object.
    Create {
        /// What.
        target: Target,
        /// The whole object.
        body: Value,
    },
    /// Server-side apply on exactly the object that gather saw: uid and resourceVersion stand in the body.
    Apply {
        /// What.
        target: Target,
        /// Every field of ours, with uid and resourceVersion.
        body: Value,
        /// The first difference that was found.
        why: String,
    },
}

impl Target {
    /// The object that gather saw as `live`.
    pub fn seen(kind: KindRow, live: &Value) -> Self {
        let meta = |field: &str| live["metadata"][field].as_str().map(str::to_owned);
        Self {
            kind,
            namespace: meta("namespace").unwrap_or_default(),
            name: meta("name").unwrap_or_default(),
            uid: meta("uid"),
            resource_version: meta("resourceVersion"),
        }
    }
}

impl Put {
    /// Creates `body`, or applies it to the object that gather saw.
    pub fn over(
        kind: KindRow,
        namespace: &str,
        name: &str,
        mut body: Value,
        seen: Option<Target>,
        why: String,
    ) -> Self {
        body["apiVersion"] = kind.api_version().into();
        body["kind"] = kind.kind.into();
        body["metadata"]["namespace"] = namespace.into();
        body["metadata"]["name"] = name.into();
        if let Some(target) = seen {
            body["metadata"]["uid"] = json!(target.uid);
            body["metadata"]["resourceVersion"] = json!(target.resource_version);
            return Self::Apply { target, body, why };
        }
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Self::Create { target: Target { kind, namespace, name, uid: None, resource_version: None }, body }
    }

    /// What is written.
    pub fn target(&self) -> &Target {
        match self {
            Self::Create { target, .. } | Self::Apply { target, .. } => target,
        }
    }

    /// The object as it is sent.
    pub fn body(&self) -> &Value {
        match self {
            Self::Create { body, .. } | Self::Apply { body, .. } => body,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.kind, self.namespace, self.name)
    }
}

impl fmt::Display for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { target, .. } => write!(f, "create {target}"),
            Self::Apply { target, why, .. } => write!(f, "apply {target} ({why})"),
        }
    }
}
