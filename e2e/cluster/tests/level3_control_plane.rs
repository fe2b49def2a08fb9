//! The control plane without nodes: it is real, quick to start, and gone with its owner.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wickr_cluster::{ControlPlane, until};

const RULE: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.harness.example}
spec:
  group: harness.example
  names: {kind: Thing, plural: things}
  scope: Cluster
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {size: {type: integer}}
              x-kubernetes-validations: [{rule: self.size < 10, message: too big}]
";

fn thing(size: u32) -> String {
    format!("apiVersion: harness.example/v1\nkind: Thing\nmetadata: {{name: one}}\nspec: {{size: {size}}}")
}

#[test]
fn a_real_api_server_keeps_the_rules_of_a_definition() {
    let plane = ControlPlane::start().unwrap();
    plane.apply(RULE).unwrap();
    let wait = ["wait", "--for=condition=Established", "crd/things.harness.example", "--timeout=20s"];
    assert!(plane.kubectl().args(wait).status().unwrap().success());
    plane.apply(&thing(9)).unwrap();
    let refusal = format!("{:#}", plane.apply(&thing(10)).unwrap_err());
    assert!(refusal.contains("too big"), "{refusal}");
}

/// Started again as a process of its own by the test below, to be killed.
#[test]
#[ignore = "only as a child of a_killed_owner_leaves_nothing_behind"]
fn owner_to_be_killed() {
    let plane = ControlPlane::start().unwrap();
    std::fs::write(std::env::var("HARNESS_TELLS").unwrap(), plane.kubeconfig().to_str().unwrap()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_owner_leaves_nothing_behind() {
    // On a machine that has none of the programs yet they are built here, and not while the child is waited for.
    drop(ControlPlane::start().unwrap());
    let tells = std::env::temp_dir().join(format!("harness-{}", std::process::id()));
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "owner_to_be_killed"])
        .env("HARNESS_TELLS", &tells)
        .spawn()
        .unwrap();
    let kubeconfig = eventually("the child's control plane", || {
        std::fs::read_to_string(&tells).ok().filter(|text| !text.is_empty())
    });
    let folder = Path::new(&kubeconfig).parent().unwrap().to_owned();
    assert_eq!(users_of(&folder), 2, "etcd and the API server");
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("its processes and files to go", || {
        (users_of(&folder) == 0 && !folder.exists()).then_some(())
    });
    std::fs::remove_file(tells).unwrap();
}

/// How many programs run with this folder in their arguments; the shell that cleans up is none.
fn users_of(folder: &Path) -> usize {
    let name = folder.to_str().unwrap();
    let commands = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    commands.filter(|command| command.contains(name) && !command.starts_with("sh\0")).count()
}

fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    until(what, Duration::from_mins(1), || Ok(condition())).unwrap()
}
