//! More storage than there is: the class of these clusters can't enlarge volumes. It is told, the network goes on with
//! the volume that it has, and less than was asked for before is refused by the API server.

use anyhow::{Result, bail, ensure};
use serde_json::json;
use wickr_scenarios::kubernetes::Place;
use wickr_scenarios::suite::NETWORK;

use super::headquarters::Headquarters;

impl Headquarters<'_> {
    pub(super) fn a_volume_that_cannot_grow(&self) -> Result<()> {
        self.ask_for("2Gi")?;
        let words = [
            "PersistentVolumeClaim hq/hq-relay-data",
            "spec.storage.embedded.size",
            "it stays at 1Gi instead of 2Gi: storage class \"local\" doesn't let volumes grow",
            "Next: set allowVolumeExpansion on the class",
        ];
        self.network.says("StorageReady", "False", "StorageCannotGrow", &words)?;
        self.network.says("Ready", "True", "Ready", &[])?;
        let Err(refused) = self.ask_for("1Gi") else { bail!("the API server let the volume shrink") };
        let words = "storage.embedded.size grows, never shrinks";
        ensure!(refused.to_string().contains(words), "refused with other words: {refused}");
        Ok(())
    }

    fn ask_for(&self, size: &str) -> Result<()> {
        let patch = json!({"spec": {"storage": {"embedded": {"size": size}}}}).to_string();
        let Place { namespace, kind, name } = NETWORK;
        let arguments = ["patch", "-n", namespace, kind, name, "--type=merge", "-p", &patch];
        self.kubernetes().run(&arguments).map(drop)
    }
}
