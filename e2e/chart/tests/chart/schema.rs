//! A typing error in a value is refused: every unknown key at any depth, every wrong type. The cases are made from
//! values.yaml, so that a new value is among them.

use std::fs;

use serde_json::Value;
use wickr_chart::{Rendering, chart};

/// Each place of values.yaml, as Helm takes paths, with what stands there.
fn places() -> Vec<(String, Value)> {
    let text = fs::read_to_string(chart().join("values.yaml")).unwrap();
    let values: Value = serde_yaml::from_str(&text).unwrap();
    let mut found = Vec::new();
    collect("", &values, &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    for (key, below) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        collect(&path, below, found);
        found.push((path, below.clone()));
    }
}

fn refused(value: &str) -> Option<String> {
    Rendering::new().with(value).objects().err().map(|error| error.to_string())
}

/// What was accepted of these, or refused without its name.
fn wrongly_taken(values: &[(String, String)]) -> Vec<&str> {
    let mut wrong = Vec::new();
    for (value, named) in values {
        if !refused(value).is_some_and(|said| said.contains(named)) {
            wrong.push(value.as_str());
        }
    }
    wrong
}

#[test]
fn an_unknown_key_is_refused_at_every_depth() {
    let maps = places().into_iter().filter(|(_, value)| value.is_object());
    let mut values: Vec<(String, String)> =
        maps.map(|(path, _)| (format!("{path}.typo={{}}"), "typo".to_owned())).collect();
    assert!(values.len() > 8, "too few to be all: {values:?}");
    values.push(("typo=1".to_owned(), "typo".to_owned()));
    values.push((r#"tolerations=[{"typo":"x"}]"#.to_owned(), "typo".to_owned()));
    values.push((r#"affinity.nodeAffinity={"typo":[]}"#.to_owned(), "typo".to_owned()));
    let taken = wrongly_taken(&values);
    assert!(taken.is_empty(), "accepted, or refused without naming it: {taken:?}");
}

#[test]
fn a_value_of_another_type_is_refused_everywhere() {
    let other = |value: &Value| if value.is_object() { "\"text\"" } else { "{\"an\":\"object\"}" };
    let values: Vec<(String, String)> = places()
        .iter()
        .map(|(path, value)| {
            let last = path.rsplit('.').next().unwrap_or_default();
            (format!("{path}={}", other(value)), last.to_owned())
        })
        .collect();
    assert!(values.len() > 20, "too few to be all: {values:?}");
    let taken = wrongly_taken(&values);
    assert!(taken.is_empty(), "accepted, or refused without naming it: {taken:?}");
}

#[test]
fn a_value_outside_its_range_is_refused() {
    for value in [
        r#"image.pullPolicy="Sometimes""#,
        r#"image.operator="""#,
        r#"watchNamespaces=["HQ"]"#,
        r#"watchNamespaces=["hq","hq"]"#,
        r#"log.format="xml""#,
        r#"monitoring.interval="30""#,
        r#"monitoring.interval="0s""#,
    ] {
        assert!(refused(value).is_some(), "{value} was accepted");
    }
}
