//! What runs as pods in every cluster, CoreDNS and the storage class `local`, and the images for that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

use crate::binaries::{self, Binaries};
use crate::digest;
use crate::image::{Base, Entry, Image, USER};
use crate::names::{Hosts, corefile};
use crate::network::Addresses;

/// An image that is in every cluster, for tests that need a shell: `busybox` and links to all it can do.
pub const BUSYBOX: &str = "wickr.local/busybox:1";

/// Archives of the images and the references that the manifests use.
#[derive(Debug)]
pub(crate) struct Images {
    /// Reference of the sandbox image.
    pub pause: String,
    coredns: String,
    local_path: String,
    /// What is to be loaded.
    pub archives: Vec<PathBuf>,
}

/// Builds the images that aren't in the cache.
pub(crate) fn images(binaries: &Binaries) -> Result<Images> {
    let pause = "wickr.local/pause:1".to_owned();
    let coredns = tagged("coredns", &binaries::COREDNS.version("github.com/coredns/coredns")?);
    let local_path = tagged(
        "local-path-provisioner",
        &binaries::LOCAL_PATH.version("github.com/rancher/local-path-provisioner")?,
    );
    let archives = vec![
        single(&pause, &binaries.pause)?,
        single(&coredns, &binaries.coredns)?,
        single(&local_path, &binaries.local_path)?,
        busybox()?,
    ];
    Ok(Images { pause, coredns, local_path, archives })
}

/// The manifests of both.
pub(crate) fn manifests(images: &Images, addresses: Addresses, state: &Path, hosts: &Hosts) -> String {
    let storage = include_str!("../manifests/local-path.yaml")
        .replace("${IMAGE}", &images.local_path)
        .replace("${HELPER}", BUSYBOX)
        .replace("${VOLUMES}", &state.join("volumes").to_string_lossy());
    format!("{storage}\n---\n{}", dns(&images.coredns, addresses, hosts))
}

/// The manifests of CoreDNS alone, to change the names that it knows.
pub(crate) fn names(addresses: Addresses, hosts: &Hosts) -> Result<String> {
    Ok(dns(&tagged("coredns", &binaries::COREDNS.version("github.com/coredns/coredns")?), addresses, hosts))
}

fn dns(image: &str, addresses: Addresses, hosts: &Hosts) -> String {
    let corefile = corefile(hosts);
    let configuration = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": corefile},
    });
    let rest = include_str!("../manifests/coredns.yaml")
        .replace("${IMAGE}", image)
        .replace("${DNS}", &addresses.dns().to_string())
        .replace("${KEY}", &digest::short(corefile.as_bytes()));
    format!("{configuration}\n---\n{rest}")
}

fn tagged(name: &str, version: &str) -> String {
    format!("wickr.local/{name}:{}", version.trim_start_matches('v'))
}

/// A statically linked program and nothing else.
fn single(name: &str, program: &Path) -> Result<PathBuf> {
    let entries = vec![Entry::program("/program", program), Entry::folder("/tmp", 0o1777)];
    image(name, Base::Empty, entries, "/program", USER).build()
}

/// Runs as root, because the provisioner's helper makes folders on the node with it.
fn busybox() -> Result<PathBuf> {
    image(BUSYBOX, Base::Busybox, Vec::new(), "/bin/sh", 0).build()
}

fn image(name: &str, base: Base, entries: Vec<Entry>, program: &str, user: u32) -> Image {
    Image {
        name: name.to_owned(),
        base,
        entries,
        entrypoint: vec![program.to_owned()],
        user,
        labels: BTreeMap::from([("org.opencontainers.image.title".to_owned(), name.to_owned())]),
        created: Timestamp::UNIX_EPOCH,
    }
}
