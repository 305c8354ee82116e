{{- define "vllm-engine.workload" -}}
{{- if .Values.workload }}{{ .Release.Name }}-{{ .Values.workload }}{{ else }}{{ .Release.Name }}{{ end -}}
{{- end -}}

{{- define "vllm-engine.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default .Release.Name }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end -}}

{{/* What finds the pods of a model, of all its versions. */}}
{{- define "vllm-engine.selector" -}}
app.kubernetes.io/name: vllm-engine
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What finds the pods of one workload. */}}
{{- define "vllm-engine.workloadSelector" -}}
{{ include "vllm-engine.selector" . }}
{{- if .Values.workload }}
fleet.flotilla.dev/profile: {{ .Values.profile.name }}
fleet.flotilla.dev/revision: {{ .Values.revision | quote }}
{{- end }}
{{- end -}}

{{/* Of what all versions share: nothing in it tells one version from another. */}}
{{- define "vllm-engine.labels" -}}
{{- $own := include "vllm-engine.selector" . | fromYaml -}}
{{- $defaults := dict "fleet.flotilla.dev/model" .Release.Name "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (mergeOverwrite $defaults .Values.labels $own) -}}
{{- end -}}

{{/* Of a version: its workload, its pods. */}}
{{- define "vllm-engine.versionLabels" -}}
{{- $labels := include "vllm-engine.labels" . | fromYaml -}}
{{- $_ := set $labels "fleet.flotilla.dev/profile" .Values.profile.name -}}
{{- if .Values.revision }}{{ $_ := set $labels "fleet.flotilla.dev/revision" .Values.revision }}{{ end -}}
{{- toYaml $labels -}}
{{- end -}}

{{- define "vllm-engine.cacheClaim" -}}
{{- if .Values.cache.claim }}{{ .Values.cache.claim }}{{ else if .Values.cache.size }}{{ .Release.Name }}-cache{{ end -}}
{{- end -}}
