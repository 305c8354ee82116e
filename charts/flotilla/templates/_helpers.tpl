{{- define "flotilla.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "flotilla.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}{{ $image.repository }}@{{ $image.digest }}
{{- else -}}{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}{{- end -}}
{{- end -}}

{{/* What finds the pods of a part. Takes (dict "root" $ "part" "gateway"). */}}
{{- define "flotilla.selector" -}}
app.kubernetes.io/name: flotilla
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{/* A chart's version is not among them: it alone replaces no pod. */}}
{{- define "flotilla.podLabels" -}}
{{ include "flotilla.selector" . }}
app.kubernetes.io/part-of: flotilla
{{- end -}}

{{- define "flotilla.labels" -}}
{{ include "flotilla.selector" . }}
app.kubernetes.io/part-of: flotilla
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
What each service is: whom it calls, the variable that others know it by, and what it stands on. Everything that follows from
it (peers, NetworkPolicies, mounts) is made from this table.
*/}}
{{- define "flotilla.facts" -}}
gateway:
  calls: [rate-limiter, orchestrator, rag, safety, llm-router, gpu-fleet-controller]
  servers: [nats, postgres]
  secrets: [devKey, keyPepper, signingSecret, regionSecret]
  reaches: [internet]
orchestrator:
  peer: FLOTILLA_PEER_ORCHESTRATOR
  calls: [rate-limiter, safety, rag, llm-router]
  servers: [nats, postgres]
rag:
  peer: FLOTILLA_PEER_RAG
  calls: [llm-router]
  servers: [nats, postgres]
safety:
  peer: FLOTILLA_PEER_SAFETY
  calls: []
  servers: [nats]
rate-limiter:
  peer: FLOTILLA_PEER_LIMITS
  calls: []
  servers: [nats, postgres, redis]
llm-router:
  peer: FLOTILLA_PEER_ROUTER
  calls: [gpu-fleet-controller]
  servers: [nats, postgres]
  reaches: [engines, internet]
gpu-fleet-controller:
  peer: FLOTILLA_PEER_FLEET
  calls: []
  servers: [nats]
  reaches: [engines, internet, apiServer]
{{- end -}}

{{/* A service's row: `services.<name>` over `defaults`. */}}
{{- define "flotilla.service" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.services .name)) | toYaml -}}
{{- end -}}

{{/* The names of the services that are on. */}}
{{- define "flotilla.enabled" -}}
{{- range $name := keys .Values.services | sortAlpha }}
{{- $service := include "flotilla.service" (dict "root" $ "name" $name) | fromYaml }}
{{- if $service.enabled }}
- {{ $name }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "flotilla.generated" -}}{{ include "flotilla.fullname" . }}-generated{{- end -}}

{{/*
Every secret as a file: its variable, and the Secret and key that hold it. Those without a Secret are left out.
*/}}
{{- define "flotilla.secrets" -}}
{{- include "flotilla.check" . -}}
{{- $generated := include "flotilla.generated" . -}}
{{- $variables := dict
  "database" "FLOTILLA_DATABASE_URL" "redis" "FLOTILLA_REDIS_URL" "nats" "FLOTILLA_NATS_URL"
  "devKey" "FLOTILLA_GATEWAY_DEV_KEY" "keyPepper" "FLOTILLA_GATEWAY_KEY_PEPPER"
  "signingSecret" "FLOTILLA_GATEWAY_SIGNING_SECRET" "regionSecret" "FLOTILLA_GATEWAY_REGION_SECRET" -}}
{{- $made := dict "database" .Values.postgres.bundled "redis" .Values.redis.bundled "nats" .Values.nats.bundled "devKey" .Values.devKey.create -}}
{{- range $name := keys $variables | sortAlpha }}
{{- $secret := index $.Values.secrets $name }}
{{- if $secret.existingSecret }}
{{ $name }}: { variable: {{ index $variables $name }}, secret: {{ $secret.existingSecret | quote }}, key: {{ $secret.key | quote }} }
{{- else if index $made $name }}
{{ $name }}: { variable: {{ index $variables $name }}, secret: {{ $generated | quote }}, key: {{ kebabcase $name }} }
{{- end }}
{{- end }}
{{- end -}}

{{/* The secrets of one service, as a list of {variable, secret, key}. */}}
{{- define "flotilla.secretsOf" -}}
{{- $facts := index (include "flotilla.facts" .root | fromYaml) .name -}}
{{- $secrets := include "flotilla.secrets" .root | fromYaml -}}
{{- $wanted := concat (default list $facts.secrets) (list "nats") -}}
{{- if has "postgres" $facts.servers }}{{ $wanted = append $wanted "database" }}{{ end -}}
{{- if has "redis" $facts.servers }}{{ $wanted = append $wanted "redis" }}{{ end -}}
{{- range $wanted }}
{{- with index $secrets . }}
- {{ toJson . }}
{{- end }}
{{- end }}
{{- if has .name (list "gateway" "llm-router" "gpu-fleet-controller") }}
{{- range .root.Values.secrets.env }}
- {{ dict "variable" .name "secret" .secret "key" .key | toJson }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What a service cannot do without. Fails with what to set. */}}
{{- define "flotilla.check" -}}
{{- if not (or .Values.postgres.bundled .Values.secrets.database.existingSecret) }}
{{- fail "a database is needed: name a Secret with its URL in secrets.database.existingSecret, or set postgres.bundled=true for trying out" }}
{{- end }}
{{- if not (or .Values.nats.bundled .Values.nats.url .Values.secrets.nats.existingSecret) }}
{{- fail "NATS is needed: set nats.url or secrets.nats.existingSecret, or nats.bundled=true for trying out" }}
{{- end }}
{{- if not (or .Values.redis.bundled .Values.redis.url .Values.secrets.redis.existingSecret) }}
{{- $limiter := include "flotilla.service" (dict "root" . "name" "rate-limiter") | fromYaml }}
{{- if or (gt (int $limiter.replicas) 1) $limiter.autoscaling.enabled }}
{{- fail "without Redis each replica of the rate limiter would admit the whole limit: set redis.url or secrets.redis.existingSecret, redis.bundled=true, or services.rate-limiter.replicas=1" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "flotilla.ports" -}}
rpc: 7000
ops: 8000
http: 8080
{{- end -}}
