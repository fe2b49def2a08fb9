{{/* Names and labels; the operator finds itself by them. */}}
{{- define "wickr-operator.fullname" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "wickr-operator.selector" -}}
app.kubernetes.io/name: wickr-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wickr-operator.labels" -}}
{{ include "wickr-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* Service and Secret of the webhook; its configuration is cluster-scoped. */}}
{{- define "wickr-operator.webhook" -}}
{{- include "wickr-operator.fullname" . }}-webhook
{{- end -}}

{{- define "wickr-operator.webhookConfiguration" -}}
{{- include "wickr-operator.fullname" . }}-{{ .Release.Namespace }}
{{- end -}}
