//! `docs/reference/resources.md`: every field of every kind, from the definitions (their text: doc comments of `operator/api`).

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

const HEAD: &str = "# Custom resources\n\n\
Generated from `operator/api` by `cargo xtask check drift --write`. Group `wickr.dev`, version `v1alpha1`, all \
namespaced, category `wickr` (`kubectl get wickr`). `kubectl explain` shows the same text. Samples of every rule: \
[manifests/samples](../../manifests/samples). What the conditions say: [operator.md](operator.md).\n";

pub(super) fn page() -> String {
    let mut out = HEAD.to_owned();
    for crd in wickr_operator_api::crds().iter().rev() {
        kind(&mut out, crd);
    }
    out
}

fn kind(out: &mut String, crd: &CustomResourceDefinition) {
    let names = &crd.spec.names;
    let short =
        names.short_names.iter().flatten().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let _ = write!(out, "\n## {}\n\n", names.kind);
    let Some(version) = crd.spec.versions.first() else { return };
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let Some(schema) = schema else { return };
    let _ = writeln!(out, "{} Short name: {short}.", schema.description.as_deref().unwrap_or_default());
    for (part, title) in [("spec", "Spec"), ("status", "Status")] {
        let Some(part_schema) = schema.properties.as_ref().and_then(|all| all.get(part)) else { continue };
        let _ = write!(out, "\n### {title}\n\n| field | type | meaning |\n|---|---|---|\n");
        fields(out, part, part_schema);
    }
    let mut rules = Vec::new();
    collect_rules("", schema, &mut rules);
    let _ = write!(out, "\n### Rules of the API server\n\n| at | refused unless | rule |\n|---|---|---|\n");
    for (path, message, rule) in rules {
        let _ = writeln!(out, "| `{path}` | {message} | `{}` |", rule.replace('|', "\\|"));
    }
}

fn fields(out: &mut String, path: &str, schema: &JSONSchemaProps) {
    let required = schema.required.clone().unwrap_or_default();
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        let needed = required.contains(name) && path.starts_with("spec");
        row(out, &path, property, needed);
        // Conditions have one shape everywhere; operator.md tells what they mean.
        if name != "conditions" {
            fields(out, &path, property);
            if let Some(JSONSchemaPropsOrArray::Schema(item)) = &property.items {
                fields(out, &format!("{path}[]"), item);
            }
        }
    }
}

fn row(out: &mut String, path: &str, schema: &JSONSchemaProps, required: bool) {
    let mut meaning = schema.description.clone().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    if required {
        meaning.push_str(" Required.");
    }
    if let Some(pattern) = &schema.pattern {
        let _ = write!(meaning, " Pattern `{}`.", pattern.replace('|', "\\|"));
    }
    let _ = writeln!(out, "| `{path}` | {} | {meaning} |", type_of(schema));
}

fn type_of(schema: &JSONSchemaProps) -> String {
    if let Some(values) = &schema.enum_ {
        let all: Vec<String> =
            values.iter().filter_map(|value| value.0.as_str().map(|text| format!("`{text}`"))).collect();
        return all.join(" or ");
    }
    let type_ = schema.type_.clone().unwrap_or_default();
    match (type_.as_str(), &schema.items, &schema.additional_properties) {
        ("array", Some(JSONSchemaPropsOrArray::Schema(item)), _) => {
            format!("list of {}{}", type_of(item), bound(schema.max_items, "at most "))
        }
        ("object", _, Some(JSONSchemaPropsOrBool::Schema(value))) => format!("map to {}", type_of(value)),
        ("string", ..) => match schema.format.as_deref() {
            Some("date-time") => "time".to_owned(),
            _ => format!("string{}", bound(schema.max_length, "at most ")),
        },
        ("integer", ..) => match (schema.minimum, schema.maximum) {
            (Some(least), Some(most)) => format!("integer, {least} to {most}"),
            _ => "integer".to_owned(),
        },
        (other, ..) => other.to_owned(),
    }
}

fn bound(most: Option<i64>, words: &str) -> String {
    most.map(|most| format!(", {words}{most}")).unwrap_or_default()
}

fn collect_rules(path: &str, schema: &JSONSchemaProps, out: &mut Vec<(String, String, String)>) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let at = if path.is_empty() { "." } else { path };
        out.push((at.to_owned(), rule.message.clone().unwrap_or_default(), rule.rule.clone()));
    }
    for (name, property) in schema.properties.iter().flatten() {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect_rules(&below, property, out);
    }
}
