//! The chart's RBAC, from the tables of what is owned and what is read. Nothing is granted that isn't in them.

use std::fmt::Write as _;

use crate::own_rights::OWN_RIGHTS;
use crate::reads::{ReadRow, all};

const HEAD: &str = r#"{{- /* Generated from operator/core (owned.rs, reads.rs, own_rights.rs) by `cargo xtask check drift --write`. */ -}}
{{- $name := include "wickr-operator.fullname" . -}}
{{- $account := dict "kind" "ServiceAccount" "name" $name "namespace" .Release.Namespace -}}
"#;

/// Whole file.
pub(super) fn template() -> String {
    let (namespaced, cluster): (Vec<ReadRow>, Vec<ReadRow>) =
        all().into_iter().partition(|row| row.namespaced);
    let mut out = HEAD.to_owned();
    // What has no namespace can be granted in no Role; there is nothing of any tenant in it.
    out.push_str(&role("ClusterRole", "{{ $name }}-{{ .Release.Namespace }}-cluster", None, &cluster));
    out.push_str("{{- if .Values.watchNamespaces }}\n{{- range .Values.watchNamespaces }}\n");
    out.push_str(&role("Role", "{{ $name }}", Some("{{ . }}"), &namespaced));
    out.push_str("{{- end }}\n{{- else }}\n");
    out.push_str(&role("ClusterRole", "{{ $name }}-{{ .Release.Namespace }}", None, &namespaced));
    out.push_str("{{- end }}\n");
    out.push_str(&own_role());
    out
}

/// What it does for itself, in its own namespace only.
fn own_role() -> String {
    let mut rules = String::new();
    for right in OWN_RIGHTS {
        let _ = writeln!(rules, "  # {}", right.why);
        let name = right.name.map(|(name, _)| name);
        rule(&mut rules, right.kind.group, right.kind.plural, name, right.verbs);
    }
    bound("Role", "{{ $name }}-own", Some("{{ .Release.Namespace }}"), &rules)
}

fn role(kind: &str, name: &str, namespace: Option<&str>, rows: &[ReadRow]) -> String {
    let mut rules = String::new();
    for row in rows {
        let _ = writeln!(rules, "  # {}", row.why);
        rule(&mut rules, row.kind.group, row.kind.plural, None, row.verbs);
        for (subresource, verbs) in row.subresources {
            rule(&mut rules, row.kind.group, &format!("{}/{subresource}", row.kind.plural), None, verbs);
        }
    }
    bound(kind, name, namespace, &rules)
}

/// A role with these rules, and its binding.
fn bound(kind: &str, name: &str, namespace: Option<&str>, rules: &str) -> String {
    let namespace = namespace.map(|namespace| format!("  namespace: {namespace}\n")).unwrap_or_default();
    let labels = "  labels: {{- include \"wickr-operator.labels\" $ | nindent 4 }}\n";
    let mut out = format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}{labels}rules:\n"
    );
    out.push_str(rules);
    let _ = write!(
        out,
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata:\n  name: {name}\n{namespace}{labels}\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\n\
         subjects: [{{{{ toJson $account }}}}]\n"
    );
    out
}

fn rule(out: &mut String, group: &str, resource: &str, name: Option<&str>, verbs: &[&str]) {
    let name = name.map(|name| format!(", resourceNames: [{name}]")).unwrap_or_default();
    let _ = writeln!(
        out,
        "  - {{apiGroups: [\"{group}\"], resources: [{resource}]{name}, verbs: [{}]}}",
        verbs.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_tables_is_granted_in_a_role_and_in_a_cluster_role() {
        let text = template();
        for row in all() {
            let rule = format!("resources: [{}], verbs: [{}]", row.kind.plural, row.verbs.join(", "));
            let times = if row.namespaced { 2 } else { 1 };
            assert_eq!(text.matches(&rule).count(), times, "{}", row.kind.plural);
        }
    }

    #[test]
    fn nothing_is_granted_on_everything_and_no_pod_can_be_entered() {
        let text = template();
        for never in ["\"*\"", "[*]", "pods/exec", "escalate", "impersonate", "bind,"] {
            assert!(!text.contains(never), "{never}");
        }
    }

    #[test]
    fn the_lease_may_be_changed_by_its_name_only_and_only_in_the_operators_namespace() {
        let text = template();
        let own = text.split("---\n").find(|part| part.contains("leases")).unwrap_or_default();
        assert!(own.contains("kind: Role\n") && own.contains("namespace: {{ .Release.Namespace }}"), "{own}");
        assert!(own.contains("resources: [leases], verbs: [create]"), "{own}");
        assert!(own.contains("resourceNames: [{{ $name }}], verbs: [get, update]"), "{own}");
        assert_eq!(text.matches("leases").count(), 2);
    }
}
