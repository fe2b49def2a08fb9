//! Helm without a whole cluster: for rendering, and for the API server alone (its version: binaries.rs).

use std::process::Command;

use anyhow::Result;

use crate::binaries::HELM;
use crate::{ControlPlane, prerequisites};

/// Helm that reaches no cluster, waiting for arguments.
pub fn helm() -> Result<Command> {
    prerequisites::go()?;
    let mut command = Command::new(HELM.build()?.join("helm"));
    // Whatever cluster the person at this machine has is none of ours.
    command.env("KUBECONFIG", "/dev/null");
    Ok(command)
}

impl ControlPlane {
    /// Helm for it, waiting for arguments.
    pub fn helm(&self) -> Result<Command> {
        let mut command = helm()?;
        command.env("KUBECONFIG", self.kubeconfig());
        Ok(command)
    }
}
