{{- /* A release may have dots in its name and begin with a digit, a Service may not. */}}
{{- define "siptls-probe.name" -}}
{{- $release := .Release.Name | replace "." "-" }}
{{- $release = regexReplaceAll "^([0-9])" $release "r${1}" }}
{{- if contains .Chart.Name $release }}{{ $release | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" $release .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "siptls-probe.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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

{{- /* Four fifths of the volume: SQLite's write-ahead log and the file system take their share. */}}
{{- define "siptls-probe.journalSize" -}}
{{- $size := .Values.journal.size }}
{{- $mebibytes := int64 (regexFind "^[0-9]+" $size) }}
{{- if hasSuffix "Gi" $size }}{{ $mebibytes = mul $mebibytes 1024 }}{{ end }}
{{- if hasSuffix "Ti" $size }}{{ $mebibytes = mul $mebibytes 1048576 }}{{ end }}
{{- printf "%dMiB" (div (mul $mebibytes 4) 5 | max 1 | min 1048576) }}
{{- end }}

{{- /* Milliseconds of a duration of Prometheus. */}}
{{- define "siptls-probe.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 }}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+(ms|[smhdwy])" . -1 }}
{{- $sum = add $sum (mul (int64 (regexFind "^[0-9]+" .)) (get $units (regexFind "[a-z]+$" .))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{- define "siptls-probe.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.journal.enabled }}
{{- $journal := $config.journal | default dict }}
{{- $given := dict "path" "/var/lib/siptls-probe/journal.sqlite" "max_size" (include "siptls-probe.journalSize" .) }}
{{- $_ := set $config "journal" (merge $journal $given) }}
{{- end }}
{{- toYaml $config }}
{{- end }}
