//! The bridge between the clusters, each cluster's network namespace on it, and who has which address.
//! Services outside the clusters listen on the bridge's own address.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::{command, run};
use crate::{lock, paths};

const BRIDGE: &str = "wickr0";

/// The machine's own address on the bridge: identity provider, Prometheus and clients are here.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 250, 0, 1);

/// What is derived from a cluster's number, 11 to 250.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// Its node, on the bridge.
    pub node: Ipv4Addr,
    number: u8,
}

impl Addresses {
    /// Addresses of the cluster with this number.
    pub(crate) fn of(number: u8) -> Self {
        Self { node: Ipv4Addr::new(10, 250, 0, number), number }
    }

    /// Pods.
    pub(crate) fn pods(self) -> String {
        format!("10.251.{}.0/24", self.number)
    }

    /// Services.
    pub(crate) fn services(self) -> String {
        format!("10.252.{}.0/24", self.number)
    }

    /// The API server's service.
    pub(crate) fn api(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 252, self.number, 1)
    }

    /// The DNS service.
    pub(crate) fn dns(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 252, self.number, 10)
    }
}

/// The network namespace of a cluster.
pub(crate) fn namespace(cluster: &str) -> String {
    format!("wickr-{cluster}")
}

/// Held by whoever adds or removes a folder below the state, or the bridge: so the bridge is there exactly while a
/// cluster or a service is.
pub(crate) fn hold() -> Result<File> {
    lock::hold(&paths::cache()?.join("locks/network"))
}

/// Makes the bridge unless it is there.
pub(crate) fn bridge_up() -> Result<()> {
    let _lock = hold()?;
    if !link_exists(BRIDGE) {
        ip(&["link", "add", BRIDGE, "address", &hardware(1), "type", "bridge"])?;
    }
    ip(&["addr", "replace", &format!("{HOST}/24"), "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])
}

/// Removes the bridge, when nothing is left on it. The caller holds the lock.
pub(crate) fn bridge_down() -> Result<()> {
    if link_exists(BRIDGE) { ip(&["link", "del", BRIDGE]) } else { Ok(()) }
}

/// Makes a cluster's namespace with its address on the bridge.
pub(crate) fn up(cluster: &str, addresses: Addresses) -> Result<()> {
    let (space, host_end) = (namespace(cluster), host_end(addresses));
    bridge_up()?;
    ip(&["netns", "add", &space])?;
    ip(&["link", "add", &host_end, "type", "veth", "peer", "name", "eth0", "netns", &space])?;
    ip(&["-n", &space, "link", "set", "eth0", "address", &hardware(addresses.number)])?;
    ip(&["link", "set", &host_end, "master", BRIDGE, "up"])?;
    ip(&["-n", &space, "addr", "add", &format!("{}/24", addresses.node), "dev", "eth0"])?;
    ip(&["-n", &space, "link", "set", "eth0", "up"])?;
    ip(&["-n", &space, "link", "set", "lo", "up"])?;
    ip(&["-n", &space, "route", "add", "default", "via", &HOST.to_string()])?;
    // So that a Prometheus beside the clusters reaches pods one by one.
    for range in [addresses.pods(), addresses.services()] {
        ip(&["route", "replace", &range, "via", &addresses.node.to_string(), "dev", BRIDGE])?;
    }
    // Not `ip netns exec`: that would mount a fresh /sys, without the control groups.
    let enable = command("nsenter", [&format!("--net=/run/netns/{space}")]);
    run({ enable }.args(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])).map(drop)
}

/// Removes what [`up`] made, as far as it is there.
pub(crate) fn down(cluster: &str, addresses: Addresses) -> Result<()> {
    let (space, host_end) = (namespace(cluster), host_end(addresses));
    for range in [addresses.pods(), addresses.services()] {
        ip(&["route", "flush", &range])?;
    }
    if link_exists(&host_end) {
        ip(&["link", "del", &host_end])?;
    }
    if Path::new("/run/netns").join(&space).exists() {
        ip(&["netns", "del", &space])?;
    }
    Ok(())
}

/// Interface names have at most 15 characters, cluster names needn't.
fn host_end(addresses: Addresses) -> String {
    format!("wickr-{}", addresses.number)
}

/// Fixed, so that neighbours who remember it find a cluster that was made again at once and not half a minute later.
fn hardware(number: u8) -> String {
    format!("02:00:0a:fa:00:{number:02x}")
}

fn link_exists(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).exists()
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments)).map(drop)
}
