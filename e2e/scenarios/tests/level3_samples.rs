//! The custom resources on a real API server: every sample is taken or refused as it says; two managers share an object.

use std::fs;
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
    kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"], None)
        .expect("CRDs are served");
    api
});

fn kubectl(arguments: &[&str], input: Option<&str>) -> Result<String> {
    use std::io::Write as _;
    let mut command = API.kubectl();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run(&mut command, |pipe| pipe.write_all(input.unwrap_or_default().as_bytes()))
}

fn run(
    command: &mut Command,
    write: impl FnOnce(&mut std::process::ChildStdin) -> std::io::Result<()>,
) -> Result<String> {
    let mut child = command.spawn().context("starting kubectl")?;
    write(&mut child.stdin.take().context("no standard input")?).context("writing to kubectl")?;
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
fn a_second_field_manager_keeps_its_field_and_is_refused_ours() {
    namespace("managers").unwrap();
    let sample = samples::all().unwrap().into_iter().find(|sample| {
        sample.refused_with.is_none()
            && sample.documents.len() == 1
            && sample.documents[0].contains("kind: WickrNetwork")
    });
    let text = sample.expect("there is an accepted WickrNetwork").documents.remove(0);
    let apply = |manager: &str, text: &str| {
        kubectl(
            &["apply", "--server-side", "--field-manager", manager, "-n", "managers", "-f", "-"],
            Some(text),
        )
    };
    apply("gitops", &text).unwrap();
    let name = text.lines().find_map(|line| line.trim().strip_prefix("name: ")).map_or_else(
        || text.split("name: ").nth(1).unwrap().split([',', '}', '\n']).next().unwrap().trim().to_owned(),
        |name| name.trim().to_owned(),
    );
    let part = |users: u32| {
        format!(
            "apiVersion: wickr.dev/v1alpha1\nkind: WickrNetwork\nmetadata: {{name: {name}}}\nspec: {{paused: {}}}\n",
            users > 0
        )
    };
    let refused = apply("console", &part(1));
    let paused_is_ours = text.contains("paused:");
    assert_eq!(
        refused.is_err(),
        paused_is_ours,
        "a field that another manager owns is refused, a free one is taken: {refused:?}"
    );
}
