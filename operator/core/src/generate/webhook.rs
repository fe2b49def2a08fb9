//! The chart's webhook: who is asked about which kinds, how the pods are reached, and the rights that the certificate
//! needs. The kinds are those of `reads` that are ours.

use crate::reads::READS;

/// Whole file.
pub(super) fn template() -> String {
    let ours = READS.iter().filter(|row| row.kind.group == wickr_operator_api::GROUP);
    let plurals: Vec<&str> = ours.clone().map(|row| row.kind.plural).collect();
    let mut versions: Vec<&str> = ours.map(|row| row.kind.version).collect();
    versions.dedup();
    TEMPLATE
        .replace("GROUP", wickr_operator_api::GROUP)
        .replace("VERSIONS", &versions.join(", "))
        .replace("PLURALS", &plurals.join(", "))
}

const TEMPLATE: &str = r#"{{- /* Generated from operator/core (generate/webhook.rs) by `cargo xtask check drift --write`. */ -}}
{{- if .Values.webhook.enabled }}
{{- $name := include "wickr-operator.webhook" . -}}
{{- $configuration := include "wickr-operator.webhookConfiguration" . -}}
{{- $account := dict "kind" "ServiceAccount" "name" (include "wickr-operator.fullname" .) "namespace" .Release.Namespace -}}
---
# Without caBundle, a field that is the operator's (manager wickr-webhook).
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: {{ $configuration }}
  labels: {{- include "wickr-operator.labels" . | nindent 4 }}
webhooks:
  - name: validate.GROUP
    admissionReviewVersions: [v1]
    clientConfig:
      service: {name: {{ $name }}, namespace: {{ .Release.Namespace }}, path: /validate, port: 443}
    rules:
      - apiGroups: [GROUP]
        apiVersions: [VERSIONS]
        resources: [PLURALS]
        operations: [CREATE, UPDATE]
        scope: Namespaced
    # The controllers refuse what comes past it.
    failurePolicy: Ignore
    matchPolicy: Equivalent
    sideEffects: None
    timeoutSeconds: 3
    {{- with .Values.watchNamespaces }}
    namespaceSelector:
      matchExpressions:
        - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
    {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "wickr-operator.labels" . | nindent 4 }}
spec:
  selector: {{- include "wickr-operator.selector" . | nindent 4 }}
  ports:
    - {name: webhook, port: 443, targetPort: webhook}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $configuration }}-webhook
  labels: {{- include "wickr-operator.labels" . | nindent 4 }}
rules:
  # whom the API server trusts
  - {apiGroups: ["admissionregistration.k8s.io"], resources: [validatingwebhookconfigurations], resourceNames: [{{ $configuration }}], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $configuration }}-webhook
  labels: {{- include "wickr-operator.labels" . | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ $configuration }}-webhook}
subjects: [{{ toJson $account }}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "wickr-operator.labels" . | nindent 4 }}
rules:
  # the certificate; a create can't be tied to a name
  - {apiGroups: [""], resources: [secrets], verbs: [create]}
  - {apiGroups: [""], resources: [secrets], resourceNames: [{{ $name }}], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "wickr-operator.labels" . | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects: [{{ toJson $account }}]
{{- end }}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_ours_is_asked_about_when_it_is_made_or_changed_and_no_status_is() {
        let text = template();
        for row in wickr_operator_api::crds() {
            assert!(text.contains(&row.spec.names.plural), "{}", row.spec.names.plural);
        }
        assert!(text.contains("operations: [CREATE, UPDATE]") && !text.contains("DELETE"));
        assert!(!text.contains("/status") && !text.contains("caBundle:"));
    }

    #[test]
    fn what_is_down_keeps_nobody_from_anything() {
        for words in ["failurePolicy: Ignore", "timeoutSeconds: 3", "sideEffects: None"] {
            assert!(template().contains(words), "{words}");
        }
    }
}
