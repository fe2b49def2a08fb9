//! A real Prometheus beside the clusters, with a given configuration. It reaches pods by their own addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::command::run;
use crate::https::get_plain;
use crate::service::Service;
use crate::{prerequisites, wait};

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    service: Service,
    address: SocketAddr,
}

impl Prometheus {
    /// Checks the configuration with promtool and starts a Prometheus with it, in place of one of the same name.
    pub fn up(name: &str, configuration: &str, address: SocketAddr) -> Result<Self> {
        prerequisites::prometheus()?;
        Service::down(name)?;
        let mut service = Service::lookup_or_create(name)?;
        let (file, data) = (service.folder().join("prometheus.yaml"), service.folder().join("data"));
        fs::write(&file, configuration).with_context(|| format!("writing {}", file.display()))?;
        if let Err(refusal) = run(Command::new("promtool").args(["check", "config"]).arg(&file)) {
            Service::down(name)?;
            return Err(refusal);
        }
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg(format!("--web.listen-address={address}"));
        service.start(command)?;
        let prometheus = Self { service, address };
        let log = prometheus.log();
        wait::until(&format!("Prometheus; its log is {}", log.display()), Duration::from_secs(30), || {
            ensure!(prometheus.service.process().is_some(), "Prometheus ended; its log is {}", log.display());
            Ok(get_plain(address, "/-/ready").is_ok_and(|(status, _)| status == 200).then_some(()))
        })?;
        Ok(prometheus)
    }

    /// Makes it end when this is dropped or we end, however that happens.
    pub fn tied(mut self) -> Result<Self> {
        self.service.tie()?;
        Ok(self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it prints.
    pub fn log(&self) -> PathBuf {
        self.service.log()
    }

    /// The `result` of an instant query.
    pub fn query(&self, query: &str) -> Result<Vec<Value>> {
        let query: String = byte_serialize(query.as_bytes()).collect();
        self.ask(&format!("/api/v1/query?query={query}"), "result")
    }

    /// What it scrapes, with health and last error of each.
    pub fn targets(&self) -> Result<Vec<Value>> {
        self.ask("/api/v1/targets?state=active", "activeTargets")
    }

    /// The groups of rules that it has loaded.
    pub fn rules(&self) -> Result<Vec<Value>> {
        self.ask("/api/v1/rules", "groups")
    }

    fn ask(&self, path: &str, field: &str) -> Result<Vec<Value>> {
        let (status, body) = get_plain(self.address, path)?;
        ensure!(status == 200, "Prometheus refuses {path}: {body}");
        let mut answer: Value =
            serde_json::from_str(&body).with_context(|| format!("Prometheus' answer to {path}"))?;
        match answer["data"][field].take() {
            Value::Array(values) => Ok(values),
            other => anyhow::bail!("Prometheus' answer to {path} has no list '{field}': {other}"),
        }
    }
}
