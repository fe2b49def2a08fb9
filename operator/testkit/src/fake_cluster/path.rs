//! What a request is about, read off its path and query (answered in `serve`).

use std::collections::HashMap;

/// A request's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) api_version: String,
    pub(super) namespace: String,
    pub(super) plural: String,
    pub(super) name: String,
    pub(super) subresource: String,
    pub(super) query: HashMap<String, String>,
}

impl Address {
    /// `/api/v1/...` and `/apis/GROUP/VERSION/...`, namespaced or not.
    pub(super) fn read(uri: &http::Uri) -> Option<Self> {
        let mut parts = uri.path().split('/').filter(|part| !part.is_empty());
        let api_version = match parts.next()? {
            "api" => parts.next()?.to_owned(),
            "apis" => format!("{}/{}", parts.next()?, parts.next()?),
            _ => return None,
        };
        let mut rest: Vec<&str> = parts.collect();
        let mut namespace = String::new();
        if rest.first() == Some(&"namespaces") && rest.len() > 2 {
            rest[1].clone_into(&mut namespace);
            rest.drain(..2);
        }
        let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
        let query =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Some(Self { api_version, namespace, plural: part(0), name: part(1), subresource: part(2), query })
    }

    pub(super) fn query(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }

    /// The kind with its subresource, like `secrets/` and `wickrnetworks/status`.
    pub(super) fn whole(&self) -> String {
        format!("{}/{}", self.plural, self.subresource)
    }

    /// Whether an object with these labels is among those asked for (`a=b,c,!d`).
    pub(super) fn selects(&self, labels: &serde_json::Value) -> bool {
        self.query("labelSelector").split(',').filter(|term| !term.is_empty()).all(|term| {
            if let Some((label, value)) = term.split_once('=') {
                labels.get(label.trim_end_matches('=')).and_then(serde_json::Value::as_str) == Some(value)
            } else if let Some(label) = term.strip_prefix('!') {
                labels.get(label).is_none()
            } else {
                labels.get(term).is_some()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_core_and_group_kinds_are_read() {
        let at = |text: &str| Address::read(&text.parse().unwrap()).unwrap();
        let secret = at("/api/v1/namespaces/hq/secrets/hq-root?fieldManager=m");
        assert_eq!(
            (secret.namespace.as_str(), secret.plural.as_str(), secret.name.as_str()),
            ("hq", "secrets", "hq-root")
        );
        assert_eq!(secret.query("fieldManager"), "m");
        let status = at("/apis/wickr.dev/v1alpha1/namespaces/hq/wickrnetworks/hq/status");
        assert_eq!(
            (status.api_version.as_str(), status.subresource.as_str()),
            ("wickr.dev/v1alpha1", "status")
        );
        assert_eq!(at("/api/v1/namespaces/hq").plural, "namespaces");
        assert!(at("/api/v1/pods?labelSelector=a%3Db%2Cc").selects(&serde_json::json!({"a": "b", "c": "d"})));
    }
}
