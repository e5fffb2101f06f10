{{- define "siptls-probe.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "siptls-probe.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "siptls-probe.labels" -}}
{{ include "siptls-probe.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "siptls-probe.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "siptls-probe.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "siptls-probe.scheme" -}}
{{- if and .Values.web.existingSecret .Values.web.tls }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- define "siptls-probe.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if and .Values.journal.enabled (not (hasKey $config "journal")) }}
{{- $_ := set $config "journal" (dict "path" "/var/lib/siptls-probe/journal.sqlite") }}
{{- end }}
{{- toYaml $config }}
{{- end }}
