//! The custom resources on a real API server: every sample is taken or refused as it says; two managers share an object.
#![expect(clippy::expect_used, reason = "a test that can't go on says where")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wickr_cluster::ControlPlane;
use wickr_scenarios::samples::{self, repository};

static API: LazyLock<ControlPlane> = LazyLock::new(|| {
    let api = ControlPlane::start().expect("the API server starts");
    for entry in fs::read_dir(repository().join("crds")).expect("crds/ is there") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a CRD can be read");
        api.apply(&text).expect("a CRD is taken");
    }
    // Not by `kubectl` below: it would wait for this very initialisation.
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    run(api.kubectl().args(wait), "").expect("CRDs are served");
    api
});

fn kubectl(arguments: &[&str], input: Option<&str>) -> Result<String> {
    run(API.kubectl().args(arguments), input.unwrap_or_default())
}

fn run(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting kubectl")?;
    child
        .stdin
        .take()
        .context("no standard input")?
        .write_all(input.as_bytes())
        .context("writing to kubectl")?;
    let output = child.wait_with_output().context("waiting for kubectl")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn namespace(name: &str) -> Result<()> {
    kubectl(&["create", "namespace", name], None).map(drop)
}

#[test]
fn every_sample_is_accepted_or_refused_as_its_name_and_first_line_say() {
    let samples = samples::all().unwrap();
    assert!(samples.iter().filter(|sample| sample.refused_with.is_some()).count() > 5, "samples are missing");
    let mut wrong = Vec::new();
    for (number, sample) in samples.iter().enumerate() {
        let space = format!("sample-{number}");
        namespace(&space).unwrap();
        let apply =
            |document: &String| kubectl(&["apply", "--server-side", "-n", &space, "-f", "-"], Some(document));
        let (last, before) = sample.documents.split_last().expect("a sample has a document");
        for document in before {
            apply(document)
                .with_context(|| format!("{}: a document before the last one", sample.name))
                .unwrap();
        }
        match (apply(last), &sample.refused_with) {
            (Ok(_), None) => {}
            (Err(said), Some(wanted)) if said.to_string().contains(wanted) => {}
            (outcome, wanted) => wrong.push(format!("{}: wanted {wanted:?}, got {outcome:?}", sample.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_uses_no_unsigned_formats_and_conditions_are_keyed_by_type() {
    for kind in ["wickrnetworks", "identityproviders"] {
        let crd: Value = serde_json::from_str(
            &kubectl(&["get", "crd", &format!("{kind}.wickr.dev"), "-o", "json"], None).unwrap(),
        )
        .unwrap();
        assert!(!crd.to_string().contains("\"format\":\"uint"), "{kind} has an unsigned format");
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let conditions = &schema["properties"]["status"]["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map", "{kind}");
        assert_eq!(conditions["x-kubernetes-list-map-keys"][0], "type", "{kind}");
        assert_eq!(crd["spec"]["names"]["categories"][0], "wickr", "{kind}");
    }
}

#[test]
fn a_field_belongs_to_the_manager_that_set_it_until_another_one_insists() {
    namespace("managers").unwrap();
    let network = fs::read_to_string(repository().join("manifests/demo/network.yaml")).unwrap();
    let apply = |manager: &str, text: &str, more: &[&str]| {
        let manager = format!("--field-manager={manager}");
        let arguments = ["apply", "--server-side", &manager, "-n", "managers", "-f", "-"];
        kubectl(&[&arguments[..], more].concat(), Some(text))
    };
    let part = |users: u32| {
        format!(
            "apiVersion: wickr.dev/v1alpha1\nkind: WickrNetwork\nmetadata: {{name: hq, namespace: managers}}\nspec: {{capacity: {{users: {users}}}}}\n"
        )
    };
    let network = network.replace("namespace: hq", "namespace: managers");
    apply("gitops", &network, &[]).unwrap();
    let refused = apply("console", &part(7), &[]).unwrap_err().to_string();
    assert!(
        refused.contains("conflict with \"gitops\"") && refused.contains(".spec.capacity.users"),
        "{refused}"
    );
    apply("console", &part(7), &["--force-conflicts"]).unwrap();
    let refused = apply("gitops", &network, &[]).unwrap_err().to_string();
    assert!(refused.contains("conflict with \"console\""), "{refused}");
}
