//! The OCI image layout in one tar, as `ctr images import` and every registry client take it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tar::{Builder, Header};

use super::Image;
use super::layer::Layer;
use crate::digest;

/// An image in one file.
#[derive(Debug)]
pub struct Archive {
    /// The tar.
    pub bytes: Vec<u8>,
    /// `sha256:...` of the manifest: what a registry knows the image by.
    pub digest: String,
    /// What a node downloads: manifest, configuration and compressed layers, in bytes.
    pub size: usize,
}

/// Packs an image of these layers, lowest first.
pub(super) fn of(image: &Image, layers: &[&Layer]) -> Result<Archive> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "created": image.created.to_string(),
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": image.entrypoint,
            "User": format!("{0}:{0}", image.user),
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "WorkingDir": "/",
            "Labels": image.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| named(&layer.diff_id)).collect::<Vec<_>>()},
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": layers
            .iter()
            .map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar+zstd", &layer.bytes))
            .collect::<Vec<_>>(),
    })
    .to_string();
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
    entry["annotations"] =
        json!({"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();

    let mut tar = Builder::new(Vec::new());
    add(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    add(&mut tar, "index.json", index.as_bytes())?;
    let blobs =
        layers.iter().map(|layer| layer.bytes.as_slice()).chain([config.as_bytes(), manifest.as_bytes()]);
    let mut size = 0;
    for blob in blobs {
        size += blob.len();
        add(&mut tar, &format!("blobs/sha256/{}", digest::sha256(blob)), blob)?;
    }
    let bytes = tar.into_inner().context("packing an image")?;
    Ok(Archive { bytes, digest: named(&digest::sha256(manifest.as_bytes())), size })
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": named(&digest::sha256(bytes)), "size": bytes.len()})
}

fn named(digest: &str) -> String {
    format!("sha256:{digest}")
}

fn add(tar: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8]) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes).with_context(|| format!("adding {path} to an image"))
}
