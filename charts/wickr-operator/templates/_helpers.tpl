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
