//! The programs that a cluster is made of. Their versions stand in the go.mod files below `e2e/cluster/go` alone;
//! those that come from Debian packages are in prerequisites.rs.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::go_build::GoModule;
use crate::{digest, prerequisites};

/// Kubernetes, kubectl and etcd linked into one program: 6 min 39 s on two busy cores; six programs took 8 min 06 s.
pub(crate) const KUBERNETES: GoModule = GoModule {
    folder: "kubernetes",
    packages: &["."],
    tags: "",
    versions: &[
        ("k8s.io/component-base/version.gitVersion", "k8s.io/kubernetes", ""),
        ("k8s.io/client-go/pkg/version.gitVersion", "k8s.io/kubernetes", ""),
    ],
    cost: "the largest part, 6 to 8 minutes on two cores",
};

/// containerd, its shim and its command line, without the file systems that no test uses.
pub(crate) const CONTAINERD: GoModule = GoModule {
    folder: "containerd",
    packages: &[
        "github.com/containerd/containerd/v2/cmd/containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/ctr",
    ],
    tags: "no_btrfs,no_zfs,no_devmapper",
    versions: &[(
        "github.com/containerd/containerd/v2/version.Version",
        "github.com/containerd/containerd/v2",
        "v",
    )],
    cost: "about a minute",
};

/// Cluster DNS.
pub(crate) const COREDNS: GoModule =
    GoModule { folder: "coredns", packages: &["."], tags: "", versions: &[], cost: "about a minute" };

/// The provisioner behind the storage class `local`.
pub(crate) const LOCAL_PATH: GoModule = GoModule {
    folder: "local-path-provisioner",
    packages: &["github.com/rancher/local-path-provisioner"],
    tags: "",
    versions: &[],
    cost: "about a minute",
};

/// Helm.
pub(crate) const HELM: GoModule = GoModule {
    folder: "helm",
    packages: &["helm.sh/helm/v4/cmd/helm"],
    tags: "",
    versions: &[],
    cost: "1 to 2 minutes",
};

/// A registry of images.
pub(crate) const REGISTRY: GoModule = GoModule {
    folder: "registry",
    packages: &["github.com/distribution/distribution/v3/cmd/registry"],
    tags: "",
    versions: &[],
    cost: "about a minute",
};

/// Holds a pod's namespaces open; also the first process of each cluster's machine.
pub(crate) const PAUSE: GoModule =
    GoModule { folder: "pause", packages: &["."], tags: "", versions: &[], cost: "seconds" };

/// All programs, built.
#[derive(Clone, Debug)]
pub struct Binaries {
    kubernetes: PathBuf,
    containerd: PathBuf,
    helm: PathBuf,
    /// Image contents.
    pub coredns: PathBuf,
    /// Image contents.
    pub local_path: PathBuf,
    /// Image contents, and the first process of a machine.
    pub pause: PathBuf,
}

impl Binaries {
    /// Builds what isn't in the cache.
    pub fn ensure() -> Result<Self> {
        prerequisites::go()?;
        Ok(Self {
            kubernetes: kubernetes()?,
            containerd: CONTAINERD.build()?,
            helm: HELM.build()?,
            coredns: COREDNS.build()?.join("coredns"),
            local_path: LOCAL_PATH.build()?.join("local-path-provisioner"),
            pause: PAUSE.build()?.join("pause"),
        })
    }

    /// One of Kubernetes' own programs, or etcd.
    pub fn kubernetes(&self, program: &str) -> PathBuf {
        self.kubernetes.join(program)
    }

    /// containerd, or one of its programs.
    pub fn containerd(&self, program: &str) -> PathBuf {
        self.containerd.join(program)
    }

    /// Helm with a cluster's kubeconfig; its own settings and caches stay out of it.
    pub fn helm(&self, kubeconfig: &Path) -> Command {
        let mut command = Command::new(self.helm.join("helm"));
        command.env("KUBECONFIG", kubeconfig);
        command
    }

    /// Changes when any of the programs does.
    pub fn fingerprint(&self) -> String {
        digest::short(format!("{self:?}").as_bytes())
    }
}

/// The folder with a link for each of the programs in the one binary.
pub(crate) fn kubernetes() -> Result<PathBuf> {
    let folder = KUBERNETES.build()?;
    for program in [
        "etcd",
        "kubectl",
        "kubelet",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
    ] {
        let link = folder.join(program);
        if !link.exists() && symlink("kubernetes", &link).is_err() && !link.exists() {
            return Err(std::io::Error::last_os_error())
                .with_context(|| format!("linking {}", link.display()));
        }
    }
    Ok(folder)
}

/// kubectl for clusters that aren't ours: the person's own, which can sign in there, or else the one that we build.
pub fn kubectl_program() -> Result<PathBuf> {
    on_path("kubectl")
        .map_or_else(|| prerequisites::go().and_then(|()| Ok(kubernetes()?.join("kubectl"))), Ok)
}

/// Helm for clusters that aren't ours, likewise.
pub fn helm_program() -> Result<PathBuf> {
    on_path("helm").map_or_else(|| prerequisites::go().and_then(|()| Ok(HELM.build()?.join("helm"))), Ok)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// kubectl with a kubeconfig.
pub(crate) fn kubectl(kubernetes: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(kubernetes.join("kubectl"));
    command.env("KUBECONFIG", kubeconfig);
    command
}
