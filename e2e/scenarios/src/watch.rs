//! One object as it changes, by `kubectl get --watch`: a wait costs nothing while nothing happens.
#![expect(clippy::disallowed_methods, reason = "waits for a real cluster by the real clock")]

use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::kubernetes::{Kubernetes, Place};

/// A running watch; it ends when this is dropped.
pub struct Watch {
    process: Child,
    objects: Receiver<Value>,
}

impl Watch {
    /// Begins with the object as it is, if it is there.
    pub fn start(kubernetes: &Kubernetes, at: &Place<'_>) -> Result<Self> {
        let name = format!("--field-selector=metadata.name={}", at.name);
        let mut process = kubernetes
            .ground()
            .kubectl()
            .args(["get", "-n", at.namespace, at.kind, &name, "--watch", "-o", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting kubectl get --watch")?;
        let output = process.stdout.take().context("no standard output")?;
        let (say, objects) = channel();
        std::thread::spawn(move || {
            let stream = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
            stream.map_while(Result::ok).try_for_each(|object| say.send(object))
        });
        Ok(Self { process, objects })
    }

    /// The first sight of it for which `found` gives a value; none within `limit`.
    pub fn until<T>(&self, limit: Duration, mut found: impl FnMut(&Value) -> Option<T>) -> Result<Option<T>> {
        let deadline = Instant::now() + limit;
        loop {
            match self.objects.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(object) => {
                    if let Some(value) = found(&object) {
                        return Ok(Some(value));
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => bail!("kubectl get --watch ended"),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}
