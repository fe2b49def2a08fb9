//! Patterns and schema parts that several kinds share.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Names of objects: a DNS subdomain (RFC 1123).
pub(super) const NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Keys of Secrets and ConfigMaps.
pub(super) const KEY: &str = r"^[-._a-zA-Z0-9]+$";

/// A DNS name of at least two labels in lower case.
pub(super) const DOMAIN: &str =
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$";

/// One number and one unit, as `wickr_base::Lifetime` reads it.
pub(super) const DURATION: &str = r"^[0-9]{1,6}(ms|s|m|h)$";

/// A size in binary units.
pub(super) const SIZE: &str = r"^[1-9][0-9]{0,5}(Mi|Gi|Ti)$";

/// A list of `metav1.Condition`, keyed by type, with the bounds that Kubernetes documents for it.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "What is so and what is not, one entry per type; the newest facts stand here on every pass.",
        "type": "array",
        "maxItems": 24,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "description": "What the condition is about.",
                    "type": "string", "maxLength": 64, "pattern": "^[A-Za-z]+$"
                },
                "status": {
                    "description": "True, False, or Unknown for what was never asked.",
                    "type": "string", "enum": ["True", "False", "Unknown"]
                },
                "observedGeneration": {
                    "description": "The metadata.generation that was judged.",
                    "type": "integer", "format": "int64", "minimum": 0
                },
                "lastTransitionTime": {
                    "description": "When the status last changed.",
                    "type": "string", "format": "date-time"
                },
                "reason": {
                    "description": "One word for programs, from a closed list.",
                    "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z]+$"
                },
                "message": {
                    "description": "For people: what, where, why, and what to do next.",
                    "type": "string", "maxLength": 4096
                }
            }
        }
    })
}
