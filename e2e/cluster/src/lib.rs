//! Real Kubernetes clusters, an identity provider and Prometheus for tests, on one Linux machine. Test infrastructure:
//! errors are `anyhow`, calls block. `cargo xtask cluster` is its command line; scenarios use it as a library.

mod addons;
mod apiserver;
mod binaries;
mod cgroup;
mod cluster;
mod command;
mod containerd;
mod control_plane;
mod controllers;
mod digest;
mod etcd;
mod go_build;
mod https;
pub mod image;
mod kubeconfig;
mod kubelet;
mod leash;
mod lock;
mod machine;
mod names;
mod network;
mod paths;
mod pki;
pub mod prerequisites;
mod process;
pub mod progress;
mod record;
mod remove;
mod small_volume;
mod start;
mod wait;

pub use addons::BUSYBOX;
pub use binaries::Binaries;
pub use cluster::{API_PORT, Cluster, Options, Summary, Teardown};
pub use control_plane::ControlPlane;
pub use https::Client;
pub use machine::Machine;
pub use names::Hosts;
pub use network::HOST;
pub use paths::cache;
pub use pki::{Authority, Identity};
pub use process::Process;
pub use small_volume::SmallVolume;
pub use wait::until;
