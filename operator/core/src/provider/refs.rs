//! What a provider's spec points at, and what is known of its rehearsal: gathered by the driver.

use wickr_base::{Secret, UnixMillis};
use wickr_operator_api::v1alpha1::WickrNetwork;

use crate::{Lookup, Poll, RehearsalAnswer, SsoAnswer};

/// What a provider's spec points at.
#[derive(Clone, Debug)]
pub struct ProviderRefs {
    /// `spec.networkRef`.
    pub network: Lookup<WickrNetwork>,
    /// `spec.clientSecretRef`, read by name.
    pub client_secret: Lookup<Referenced>,
    /// `spec.caBundleRef`, read by name; `None` when the spec names none.
    pub ca_bundle: Option<Lookup<Referenced>>,
}

impl ProviderRefs {
    /// Of a provider that is judged alone: what is found of it by `Basis::Reference` says nothing then.
    pub fn unknown() -> Self {
        Self { network: Lookup::Missing, client_secret: Lookup::Missing, ca_bundle: None }
    }
}

/// One key of a Secret or ConfigMap that is there.
#[derive(Clone, Debug)]
pub struct Referenced {
    /// `uid/resourceVersion` of the object: what changes when its content does, without telling the content.
    pub version: String,
    /// Its label `wickr.dev/network`: such an object holds what only the operator hands out.
    pub network: Option<String>,
    /// The value; `None` when the object lacks the key.
    pub value: Option<Secret<String>>,
}

/// What is known of a provider's life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderSeen {
    /// What the network's sso said last.
    pub sso: Poll<SsoAnswer>,
    /// The rehearsal that this process asked for.
    pub rehearsal: Rehearsal,
}

/// A rehearsal that the driver asked for; it runs beside the passes and wakes one when it is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Rehearsal {
    /// None since the operator started.
    #[default]
    None,
    /// One is running.
    Running {
        /// Of these settings.
        generation: String,
        /// Since then.
        since: UnixMillis,
    },
    /// sso has answered.
    Done {
        /// About these settings.
        generation: String,
        /// Then.
        at: UnixMillis,
        /// This.
        answer: RehearsalAnswer,
    },
    /// sso could not be asked.
    Failed {
        /// About these settings.
        generation: String,
        /// Then.
        at: UnixMillis,
        /// Because of this.
        error: String,
    },
}
