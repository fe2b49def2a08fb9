//! `crds/*.yaml`, and the same as a template of the chart that Helm keeps when the chart goes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::{GenerateError, GeneratedFile};

const NOTE: &str = "# Generated from operator/api by `cargo xtask check drift --write`.\n";

pub(super) fn files() -> Result<Vec<GeneratedFile>, GenerateError> {
    let mut files = Vec::new();
    let mut template = NOTE.to_owned();
    for crd in wickr_operator_api::crds() {
        let path = match crd.spec.names.kind.as_str() {
            "IdentityProvider" => "crds/identityproviders.yaml",
            _ => "crds/wickrnetworks.yaml",
        };
        files.push(GeneratedFile { path, text: format!("{NOTE}{}", yaml(&crd, false)?) });
        template.push_str("---\n");
        template.push_str(&yaml(&crd, true)?);
    }
    files.push(GeneratedFile { path: "charts/wickr-operator/templates/crds.yaml", text: template });
    Ok(files)
}

fn yaml(crd: &CustomResourceDefinition, keep: bool) -> Result<String, GenerateError> {
    let kind = || crd.spec.names.kind.clone();
    let mut value =
        serde_json::to_value(crd).map_err(|source| GenerateError::Json { kind: kind(), source })?;
    whole_numbers(&mut value);
    if keep {
        value["metadata"]["annotations"]["helm.sh/resource-policy"] = "keep".into();
    }
    serde_yaml::to_string(&value).map_err(|source| GenerateError::Yaml { kind: kind(), source })
}

/// The API server writes bounds of integers without a fraction; so do we, or a diff would never be empty.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15);
            #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is below 10^15")]
            if let Some(whole) = whole {
                *value = (whole as i64).into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helm_finds_nothing_of_its_own_in_the_template_and_keeps_the_definitions() {
        let files = files().unwrap();
        let template = files.iter().find(|file| file.path.starts_with("charts/")).unwrap();
        assert!(!template.text.contains("{{"));
        assert_eq!(template.text.matches("helm.sh/resource-policy: keep").count(), 2);
    }

    #[test]
    fn bounds_of_integers_have_no_fraction() {
        assert!(files().unwrap().iter().all(|file| !file.text.contains("minimum: 1.0")));
    }
}
