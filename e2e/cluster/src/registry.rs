//! A registry of images beside the clusters: distribution's own program, in memory, without TLS.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::binaries::REGISTRY;
use crate::https::get_plain;
use crate::service::Service;
use crate::{prerequisites, wait};

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    service: Service,
    address: SocketAddr,
}

impl Registry {
    /// Starts an empty one, in place of one of the same name.
    pub fn up(name: &str, address: SocketAddr) -> Result<Self> {
        prerequisites::go()?;
        let program = REGISTRY.build()?.join("registry");
        Service::down(name)?;
        let mut service = Service::lookup_or_create(name)?;
        let file = service.folder().join("registry.yaml");
        let configuration = json!({
            "version": 0.1,
            "storage": {"inmemory": {}},
            "http": {"addr": address, "debug": null},
        });
        fs::write(&file, configuration.to_string()).with_context(|| format!("writing {}", file.display()))?;
        let mut command = Command::new(program);
        command.arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none");
        service.start(command)?;
        let registry = Self { service, address };
        let log = registry.service.log();
        wait::until(&format!("the registry; its log is {}", log.display()), Duration::from_secs(30), || {
            ensure!(registry.service.process().is_some(), "the registry ended; its log is {}", log.display());
            Ok(get_plain(address, "/v2/").is_ok_and(|(status, _)| status == 200).then_some(()))
        })?;
        Ok(registry)
    }

    /// Makes it end when this is dropped or we end, however that happens.
    pub fn tied(mut self) -> Result<Self> {
        self.service.tie()?;
        Ok(self)
    }

    /// Where it listens: the host in its images' names.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
