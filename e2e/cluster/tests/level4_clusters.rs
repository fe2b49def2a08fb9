//! Whole clusters: pods with storage, names and ports; two side by side; what a crash leaves is cleaned up.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wickr_cluster::{Cluster, HOST, Hosts, Options, SmallVolume, Teardown, image, until};

const WEB: &str = include_str!("web.yaml");
const IMAGE: &str = include_str!("image.yaml");
const FULL: &str = include_str!("full.yaml");
const PORT: u16 = 30080;

fn up(name: &str) -> Teardown {
    let hosts = Hosts::from([("sso.harness.example".to_owned(), HOST)]);
    Teardown(Cluster::up(name, &Options { hosts, number: None }).unwrap())
}

fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// Runs a shell command in the pod `web-0`.
fn inside(cluster: &Cluster, script: &str) -> String {
    text(cluster.kubectl().args(["exec", "web-0", "--", "sh", "-c", script]))
}

/// What the node port answers, once the proxy has got round to it.
fn get(address: Ipv4Addr) -> String {
    until("the node port", Duration::from_secs(20), || Ok(ask((address, PORT)).ok())).unwrap()
}

fn ask(address: (Ipv4Addr, u16)) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn web(cluster: &Cluster) {
    cluster.apply(&WEB.replace("${WHO}", cluster.name())).unwrap();
    text(cluster.kubectl().args(["wait", "--for=condition=Ready", "pod/web-0", "--timeout=60s"]));
}

#[test]
fn pods_have_storage_names_and_ports_and_clusters_reach_each_other() {
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| {
            let cluster = up("harness-left");
            web(&cluster.0);
            cluster
        });
        let right = up("harness-right");
        web(&right.0);
        (left.join().unwrap(), right)
    });
    let answers = [get(left.0.node_ip()), get(right.0.node_ip())];
    assert!(answers[0].contains("harness-left") && answers[1].contains("harness-right"), "from the machine");
    for (here, there) in [(&left.0, &right.0), (&right.0, &left.0)] {
        let remote = inside(here, &format!("wget -qO- http://{}:{PORT}/", there.node_ip()));
        assert!(remote.contains(there.name()), "from pod to the other cluster: {remote}");
        assert!(inside(here, "wget -qO- http://web/").contains(here.name()), "through the service's name");
        assert!(inside(here, "nslookup sso.harness.example").contains(&HOST.to_string()));
        assert!(inside(here, "nslookup nowhere.example || true").contains("NXDOMAIN"));
        assert!(
            text(here.kubectl().args(["logs", "web-0"])).contains("serving"),
            "logs come from the kubelet"
        );
    }
    let pod = text(left.0.kubectl().args(["get", "pod", "web-0", "--output=jsonpath={.status.podIP}"]));
    assert!(
        ask((pod.parse().unwrap(), 8080)).unwrap().contains("harness-left"),
        "from the machine to a pod itself"
    );
    let volumes: Vec<_> = std::fs::read_dir(left.0.volumes()).unwrap().flatten().collect();
    let kept = std::fs::read_to_string(volumes.first().unwrap().path().join("index.html")).unwrap();
    assert_eq!(kept.trim(), "harness-left", "what a pod stored is on the node");

    an_image_of_ours_runs_without_rights_and_without_a_shell(&right.0);
    assert!(text(left.0.helm().arg("version")).contains("v4."));
    names_can_change(left.0.clone());
    a_small_volume_can_be_full(&right.0);
    up_again_changes_nothing_and_a_crash_is_cleaned_up(&left.0);

    let machines = [left.0.machine().first(), right.0.machine().first()];
    drop((left, right));
    assert!(machines.iter().all(|machine| !machine.is_alive()));
    for name in ["harness-left", "harness-right"] {
        nothing_is_left_of(name);
    }
}

fn an_image_of_ours_runs_without_rights_and_without_a_shell(cluster: &Cluster) {
    let labels = BTreeMap::from([("org.opencontainers.image.title".to_owned(), "sleep".to_owned())]);
    let archive = image::build("wickr.local/sleep:1", Path::new("/usr/bin/sleep"), &labels).unwrap();
    cluster.load_image(&archive).unwrap();
    cluster.apply(IMAGE).unwrap();
    text(cluster.kubectl().args(["wait", "--for=condition=Ready", "pod/image", "--timeout=60s"]));
    let shell = cluster.kubectl().args(["exec", "image", "--", "sh", "-c", "true"]).output().unwrap();
    assert!(!shell.status.success() && String::from_utf8_lossy(&shell.stderr).contains("not found"));
}

fn names_can_change(mut cluster: Cluster) {
    cluster
        .set_hosts(&Hosts::from([("other.harness.example".to_owned(), Ipv4Addr::new(10, 250, 0, 9))]))
        .unwrap();
    assert!(inside(&cluster, "nslookup other.harness.example").contains("10.250.0.9"));
    assert!(inside(&cluster, "nslookup sso.harness.example || true").contains("NXDOMAIN"));
}

fn a_small_volume_can_be_full(cluster: &Cluster) {
    let volume = SmallVolume::create(cluster, "small", 16).unwrap();
    cluster.apply(FULL).unwrap();
    text(cluster.kubectl().args(["wait", "--for=condition=Ready", "pod/full", "--timeout=60s"]));
    let write = |cluster: &Cluster| {
        text(cluster.kubectl().args([
            "exec",
            "full",
            "--",
            "sh",
            "-c",
            "dd if=/dev/zero bs=1k count=100 >> /data/more && echo written || echo refused",
        ]))
    };
    assert!(write(cluster).contains("written"));
    volume.fill().unwrap();
    let refusal = write(cluster);
    assert!(refusal.contains("No space left"), "{refusal}");
    volume.free().unwrap();
    assert!(write(cluster).contains("written"));
}

fn up_again_changes_nothing_and_a_crash_is_cleaned_up(cluster: &Cluster) {
    let before = cluster.machine().first();
    let options = Options { hosts: Hosts::new(), number: None };
    let again = Cluster::up(cluster.name(), &options).unwrap();
    assert_eq!(again.machine().first(), before, "the same machine");

    text(Command::new("kill").args(["-9", &before.id.to_string()]));
    let listed_as_dead =
        || Cluster::list().unwrap().iter().any(|one| one.name == cluster.name() && !one.running);
    until("the crash to be noticed", Duration::from_secs(10), || Ok(listed_as_dead().then_some(()))).unwrap();
    let reborn = Cluster::up(cluster.name(), &options).unwrap();
    assert_ne!(reborn.machine().first(), before, "a new machine");
    assert_eq!(reborn.node_ip(), cluster.node_ip());
}

fn nothing_is_left_of(name: &str) {
    assert!(Cluster::list().unwrap().iter().all(|cluster| cluster.name != name));
    assert!(!Path::new("/run/netns").join(format!("wickr-{name}")).exists(), "network namespace");
    assert!(!Path::new("/var/lib/wickr/clusters").join(name).exists(), "files");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(name), "mounts: {mounts}");
    let groups = text(Command::new("find").args(["/sys/fs/cgroup", "-name", &format!("wickr-{name}")]));
    assert_eq!(groups, "", "control groups");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    assert_eq!(
        commands.filter(|command| command.contains(&format!("clusters/{name}/"))).count(),
        0,
        "processes"
    );
}
