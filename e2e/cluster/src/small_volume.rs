//! A persistent volume on a small file system of its own, to be filled to the last byte.

use anyhow::{Context, Result};
use serde_json::json;

use crate::cluster::Cluster;
use crate::command::{command, run};

/// A loop-mounted ext4 file system, offered as a volume of the storage class of its own name.
#[derive(Clone, Debug)]
pub struct SmallVolume {
    cluster: Cluster,
    name: String,
}

impl SmallVolume {
    /// Makes it. A claim with `storageClassName: NAME` and at most this size gets it. At least 8 MiB.
    pub fn create(cluster: &Cluster, name: &str, mebibytes: u32) -> Result<Self> {
        let volume = Self { cluster: cluster.clone(), name: name.to_owned() };
        let (image, folder) = (volume.folder() + ".img", volume.folder());
        std::fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
        run(&mut command("truncate", [format!("--size={mebibytes}M"), image.clone()]))?;
        run(&mut command("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", "root_owner=65532:65532", &image]))?;
        run(cluster.enter("mount").args(["-o", "loop", &image, &folder]))?;
        cluster.apply(&volume.manifests(mebibytes))?;
        Ok(volume)
    }

    /// Leaves not a byte free.
    pub fn fill(&self) -> Result<()> {
        let script = r#"dd if=/dev/zero of="$0/.filled" bs=64k 2>/dev/null; dd if=/dev/zero of="$0/.filled-too" bs=1 count=4096 2>/dev/null; sync -f "$0"; true"#;
        run(self.cluster.enter("sh").args(["-c", script, &self.folder()])).map(drop)
    }

    /// Frees again what [`Self::fill`] took.
    pub fn free(&self) -> Result<()> {
        let folder = self.folder();
        run(self.cluster.enter("rm").args([
            "-f",
            &format!("{folder}/.filled"),
            &format!("{folder}/.filled-too"),
        ]))
        .map(drop)
    }

    fn folder(&self) -> String {
        self.cluster.state().join("small").join(&self.name).to_string_lossy().into_owned()
    }

    fn manifests(&self, mebibytes: u32) -> String {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.name},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        });
        let node =
            json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [self.cluster.name()]});
        let volume = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": self.name},
            "spec": {
                "capacity": {"storage": format!("{mebibytes}Mi")},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": self.name,
                "local": {"path": self.folder()},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
            },
        });
        format!("{class}\n---\n{volume}")
    }
}
