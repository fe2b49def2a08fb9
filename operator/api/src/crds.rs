//! The definitions that an API server is given (what stands in them: `v1alpha1`).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube_core::CustomResourceExt as _;

use crate::v1alpha1::{IdentityProvider, WickrNetwork};

/// Every kind's definition, as `crds/` and the chart carry it, in the order of their names.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![IdentityProvider::crd(), WickrNetwork::crd()];
    let schemas = crds
        .iter_mut()
        .flat_map(|crd| &mut crd.spec.versions)
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    schemas.for_each(tidy);
    crds
}

/// Drops what the derive adds and nobody asked for.
///
/// `nullable` would let a written null through, which CEL's `has` then takes for a value; without it the API
/// server drops nulls before it fills in defaults.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(tidy);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => tidy(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut schema.additional_properties {
        tidy(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits each schema with its path.
    fn walk(path: &str, schema: &JSONSchemaProps, see: &mut impl FnMut(&str, &JSONSchemaProps)) {
        see(path, schema);
        for (name, property) in schema.properties.iter().flatten() {
            walk(&format!("{path}.{name}"), property, see);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
            walk(&format!("{path}[]"), item, see);
        }
        if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
            walk(&format!("{path}{{}}"), value, see);
        }
    }

    fn each(mut see: impl FnMut(&str, &JSONSchemaProps)) {
        for crd in crds() {
            let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
            walk(&crd.spec.names.kind, schema, &mut see);
        }
    }

    #[test]
    fn no_number_is_unsigned_because_api_servers_do_not_know_that_format() {
        each(|path, schema| {
            assert!(!schema.format.as_deref().unwrap_or_default().starts_with("uint"), "{path}");
        });
    }

    #[test]
    fn every_string_list_and_map_is_bounded_and_every_list_has_a_list_type() {
        each(|path, schema| match schema.type_.as_deref() {
            Some("string") => assert!(
                schema.max_length.is_some() || schema.enum_.is_some() || schema.format.is_some(),
                "{path} has no bound"
            ),
            Some("array") => {
                assert!(schema.max_items.is_some(), "{path} has no bound");
                assert!(schema.x_kubernetes_list_type.is_some(), "{path} has no list type");
            }
            Some("object") if schema.additional_properties.is_some() => {
                assert!(schema.max_properties.is_some(), "{path} has no bound");
            }
            _ => {}
        });
    }

    #[test]
    fn every_field_is_documented() {
        each(|path, schema| {
            let inner = path.ends_with("[]") || path.ends_with("{}");
            assert!(inner || schema.description.is_some(), "{path}");
        });
    }

    #[test]
    fn a_second_cipher_suite_would_need_an_immutability_rule() {
        each(|path, schema| {
            if path.ends_with(".spec.cryptography") {
                let suites = schema.properties.as_ref().unwrap()["suite"].enum_.as_ref().unwrap().len();
                assert_eq!(suites > 1, schema.x_kubernetes_validations.is_some(), "{path}");
            }
        });
    }
}
