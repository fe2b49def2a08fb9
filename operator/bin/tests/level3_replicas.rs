//! Two processes of the binary against a real API server: killed, stopped in the middle and continued, told to stop, and
//! one by a clock that is an hour off. One acts, always, and what was deleted stays so (each step: `two_operators`).

#![expect(clippy::unwrap_used, reason = "what a test needs and does not find fails it")]

mod replica;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use wickr_base::{Clock as _, SystemClock};
use wickr_cluster::{ControlPlane, prerequisites, until};

use replica::{PATIENCE, Replica, furnish, kubectl, network};

/// What is promised when a leader is killed.
const TAKEN_OVER: Duration = Duration::from_secs(15);
/// How long a leader is stopped in the middle of what it does: three times its lease.
const STOPPED_FOR: Duration = Duration::from_secs(30);

fn signal(replica: &Replica, signal: &str) {
    let pid = replica.process.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

/// The wall clock an hour ahead, the monotonic one left alone.
fn an_hour_ahead() -> Vec<(&'static str, String)> {
    prerequisites::packages(&[("faketime", "faketime")]).unwrap();
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let library = places.map(|place| format!("/usr/lib/{place}/faketime/libfaketimeMT.so.1"));
    let library = library.into_iter().find(|path| Path::new(path).exists()).unwrap();
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME", "+1h".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

fn exists(api: &ControlPlane, object: &str) -> bool {
    !kubectl(api, &["get", "-n", "hq", object, "--ignore-not-found", "-o", "name"]).trim().is_empty()
}

#[test]
fn one_of_two_acts_whatever_becomes_of_the_other_and_whatever_its_clock_says() {
    let api = ControlPlane::start().unwrap();
    furnish(&api, &["hq"]);
    let mut first = Replica::start(&api, "first", &[]);
    first.until_it_leads(true);
    let second = Replica::start(&api, "an-hour-ahead", &an_hour_ahead());
    assert!(first.leads() && !second.leads());

    first.process.kill().unwrap();
    first.process.wait().unwrap();
    let killed = SystemClock::new();
    api.apply(&network("hq", 30443).to_string()).unwrap();
    until("a Service is made", PATIENCE, || Ok(exists(&api, "service/hq-relay").then_some(()))).unwrap();
    println!("killed; the other acts after {:.1} s, its clock an hour ahead", killed.elapsed().as_secs_f64());
    assert!(killed.elapsed() < TAKEN_OVER, "{:?}", killed.elapsed());
    assert!(second.leads());

    // By the right clock, beside a leader whose times all lie in the future: it waits all the same.
    let third = Replica::start(&api, "third", &[]);
    assert!(second.leads() && !third.leads());
    // Stopped while it has something to write.
    let spoil = json!({"spec": {"publishNotReadyAddresses": false}}).to_string();
    let patch = ["patch", "-n", "hq", "service", "hq-relay", "--type=merge", "-p", &spoil];
    for _ in 0..3 {
        kubectl(&api, &patch);
    }
    signal(&second, "-STOP");
    let stopped = SystemClock::new();
    third.until_it_leads(true);
    println!("stopped; the other leads after {:.1} s", stopped.elapsed().as_secs_f64());
    let shown = ["get", "-n", "hq", "service", "hq-relay", "-o", "jsonpath={.spec.publishNotReadyAddresses}"];
    until("the Service is corrected", PATIENCE, || Ok((kubectl(&api, &shown) == "true").then_some(())))
        .unwrap();
    kubectl(&api, &["delete", "wickrnetwork", "-n", "hq", "hq"]);
    // No garbage collector runs here.
    let owned = "services,statefulsets,configmaps,networkpolicies";
    kubectl(&api, &["delete", "-n", "hq", owned, "-l", "wickr.dev/network=hq"]);
    until("its time is over", STOPPED_FOR * 2, || Ok((stopped.elapsed() >= STOPPED_FOR).then_some(())))
        .unwrap();
    signal(&second, "-CONT");
    second.until_it_leads(false);
    println!("continued after {:.1} s; it leads no more", stopped.elapsed().as_secs_f64());
    assert!(third.leads());
    let left = kubectl(&api, &["get", "-n", "hq", owned, "-l", "wickr.dev/network=hq", "-o", "name"]);
    assert_eq!(left.trim(), "", "what was deleted stays deleted");

    signal(&third, "-TERM");
    let told = SystemClock::new();
    second.until_it_leads(true);
    println!("told to stop; the other leads after {:.1} s", told.elapsed().as_secs_f64());
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    let lease = kubectl(&api, &["get", "lease", "-n", "wickr-system", "wickr-operator"]);
    println!("{lease}");
    assert!(lease.contains("an-hour-ahead_"), "{lease}");
}
