//! Install, upgrade, uninstall, install again, on an API server: no conflict, and no custom resource is touched.
//! `tests/before` has the chart as it was at the version before this one; a release adds its own and drops that one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wickr_chart::{chart, repository};
use wickr_cluster::{ControlPlane, monitoring_definitions};

const SYSTEM: &str = "wickr-system";

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn upgrade(plane: &ControlPlane, chart: &Path, values: &[&str]) {
    let mut helm = plane.helm().unwrap();
    helm.args(["upgrade", "--install", "wickr-operator"]).arg(chart);
    helm.args(["--namespace", SYSTEM, "--create-namespace"]);
    helm.args(values.iter().flat_map(|value| ["--set-json", value]));
    succeed(&mut helm);
}

fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> String {
    succeed(plane.kubectl().args(arguments))
}

fn names(plane: &ControlPlane, kinds: &str) -> Vec<String> {
    let listed = kubectl(plane, &["get", kinds, "-n", SYSTEM, "-o", "name"]);
    listed.lines().map(str::to_owned).collect()
}

/// The uid and generation of each custom resource: another uid would be another object, another generation a changed spec.
fn resources(plane: &ControlPlane) -> String {
    let columns = "custom-columns=K:.kind,N:.metadata.name,U:.metadata.uid,G:.metadata.generation";
    kubectl(plane, &["get", "wickrnetworks,identityproviders", "-n", "hq", "--no-headers", "-o", columns])
}

/// The demo's, as a person applies them.
fn apply_demo(plane: &ControlPlane) {
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    kubectl(plane, &wait);
    for file in ["namespace.yaml", "network.yaml", "identity-provider.yaml"] {
        let path = repository().join("manifests/demo").join(file);
        kubectl(plane, &["apply", "--server-side", "-f", path.to_str().unwrap()]);
    }
}

fn before() -> PathBuf {
    let mut packed: Vec<PathBuf> =
        fs::read_dir("tests/before").unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(packed.len(), 1, "one version is the one before: {packed:?}");
    packed.remove(0)
}

#[test]
fn an_upgrade_from_the_version_before_conflicts_with_nothing_and_keeps_every_resource() {
    let this = fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    let packed = before();
    let version = packed.file_stem().unwrap().to_string_lossy().replace("wickr-operator-", "");
    assert!(!this.contains(&format!("\nversion: {version}\n")), "the chart's version is still {version}");
    let plane = ControlPlane::start().unwrap();
    upgrade(&plane, &packed, &[]);
    apply_demo(&plane);
    let there = resources(&plane);
    assert_eq!(there.lines().count(), 2, "{there}");
    upgrade(&plane, &chart(), &[]);
    assert_eq!(resources(&plane), there);
    let listed: serde_json::Value = serde_json::from_str(&succeed(plane.helm().unwrap().args([
        "list",
        "--namespace",
        SYSTEM,
        "--output",
        "json",
    ])))
    .unwrap();
    assert_eq!(
        (&listed[0]["status"], listed[0]["revision"].to_string().trim_matches('"')),
        (&"deployed".into(), "2")
    );
}

#[test]
fn upgrades_follow_one_another_and_what_is_turned_off_goes_away() {
    let plane = ControlPlane::start().unwrap();
    upgrade(&plane, &chart(), &[]);
    assert!(names(&plane, "configmaps").contains(&"configmap/wickr-operator-dashboard".to_owned()));
    // Prometheus comes later: its objects are made by the next upgrade, with the same values.
    for definition in monitoring_definitions().unwrap() {
        plane.apply(&definition).unwrap();
    }
    kubectl(&plane, &["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
    upgrade(&plane, &chart(), &[]);
    assert_eq!(names(&plane, "podmonitors,prometheusrules").len(), 3);
    upgrade(&plane, &chart(), &[r#"log.filter="debug""#]);
    let off = ["monitoring.podMonitors=false", "monitoring.alerts=false", "monitoring.dashboard=false"];
    upgrade(&plane, &chart(), &off);
    assert!(names(&plane, "podmonitors,prometheusrules").is_empty());
    assert!(!names(&plane, "configmaps").contains(&"configmap/wickr-operator-dashboard".to_owned()));
}

#[test]
fn installed_again_after_it_was_removed_it_finds_every_resource() {
    let plane = ControlPlane::start().unwrap();
    upgrade(&plane, &chart(), &[]);
    apply_demo(&plane);
    let there = resources(&plane);
    let uninstall = ["uninstall", "wickr-operator", "--namespace", SYSTEM];
    succeed(plane.helm().unwrap().args(uninstall));
    assert!(names(&plane, "deployments").is_empty());
    assert_eq!(resources(&plane), there, "without the operator");
    upgrade(&plane, &chart(), &[]);
    assert_eq!(names(&plane, "deployments").len(), 1);
    assert_eq!(resources(&plane), there, "with the operator again");
}
