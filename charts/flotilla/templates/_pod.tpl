{{/* A container's environment. Takes (dict "root" $ "name" "rag" "service" <row>). */}}
{{- define "flotilla.env" -}}
{{- $root := .root -}}
{{- $facts := include "flotilla.facts" $root | fromYaml -}}
{{- $own := index $facts .name -}}
{{- $full := include "flotilla.fullname" $root -}}
- name: POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- $env := dict
  "SERVICE" .name
  "FLOTILLA_RPC_LISTEN" (printf "%s:7000" $root.Values.listenAddress)
  "FLOTILLA_OPS_LISTEN" (printf "%s:8000" $root.Values.listenAddress)
  "FLOTILLA_CONFIG" "/etc/flotilla/config/flotilla.yaml"
  "FLOTILLA_LOG_LEVEL" $root.Values.logLevel
  "FLOTILLA_NOT_READY_MS" (int64 .service.notReadyMs | toString)
  "FLOTILLA_DRAIN_MS" (int64 .service.drainMs | toString) }}
{{- range $own.calls }}
{{- $_ := set $env (index $facts .).peer (printf "%s-%s:7000" $full .) }}
{{- end }}
{{- with $root.Values.otlp.endpoint }}
{{- $_ := set $env "FLOTILLA_OTLP_ENDPOINT" . }}
{{- $_ := set $env "FLOTILLA_TRACE_SAMPLE_RATIO" (toString $root.Values.otlp.sampleRatio) }}
{{- end }}
{{- with $root.Values.nats.url }}{{ $_ := set $env "FLOTILLA_NATS_URL" . }}{{ end }}
{{- if eq .name "rate-limiter" }}
{{- with $root.Values.redis.url }}{{ $_ := set $env "FLOTILLA_REDIS_URL" . }}{{ end }}
{{- end }}
{{- if eq .name "gateway" }}
{{- $gateway := $root.Values.gateway }}
{{- $_ := set $env "FLOTILLA_GATEWAY_HOST" $root.Values.listenAddress }}
{{- $_ := set $env "FLOTILLA_GATEWAY_PORT" "8080" }}
{{- $_ := set $env "FLOTILLA_GATEWAY_BODY_LIMIT" (int64 $gateway.bodyLimit | toString) }}
{{- $_ := set $env "FLOTILLA_GATEWAY_FILE_LIMIT" (int64 $gateway.fileLimit | toString) }}
{{- $_ := set $env "FLOTILLA_GATEWAY_CHAT_TIMEOUT_MS" (int64 $gateway.chatTimeoutMs | toString) }}
{{- with $gateway.trustedProxies }}{{ $_ := set $env "FLOTILLA_GATEWAY_TRUSTED_PROXIES" (join "," .) }}{{ end }}
{{- if $gateway.tls.secret }}
{{- $_ := set $env "FLOTILLA_GATEWAY_TLS_CERT_FILE" "/etc/flotilla/tls/tls.crt" }}
{{- $_ := set $env "FLOTILLA_GATEWAY_TLS_KEY_FILE" "/etc/flotilla/tls/tls.key" }}
{{- end }}
{{- end }}
{{- if and (eq .name "gpu-fleet-controller") $root.Values.fleet.kubernetes }}
{{- $_ := set $env "FLOTILLA_FLEET_KUBERNETES" "true" }}
{{- $_ := set $env "FLOTILLA_FLEET_KUBERNETES_NAMESPACES" (include "flotilla.fleetNamespaces" $root | fromYamlArray | join ",") }}
{{- $_ := set $env "FLOTILLA_FLEET_KUBERNETES_NODES" (toString $root.Values.fleet.nodes) }}
{{- $_ := set $env "FLOTILLA_FLEET_ENGINE_CHART" $root.Values.fleet.engineChart }}
{{- with $root.Values.fleet.engineImage }}{{ $_ := set $env "FLOTILLA_FLEET_ENGINE_IMAGE" . }}{{ end }}
{{- if $root.Values.fleet.engineValues }}
{{- $_ := set $env "FLOTILLA_FLEET_ENGINE_VALUES" "/etc/flotilla/config/engine-values.yaml" }}
{{- end }}
{{- /* The image's root is read-only; helm keeps nothing, but wants a home. */}}
{{- $_ := set $env "HOME" "/tmp" }}
{{- end }}
{{- range include "flotilla.secretsOf" . | fromYamlArray }}
{{- $_ := set $env (printf "%s_FILE" .variable) (printf "/etc/flotilla/secrets/%s" .variable) }}
{{- end }}
{{- range $variable, $value := mergeOverwrite $env .service.env }}
- { name: {{ $variable }}, value: {{ toString $value | quote }} }
{{- end }}
{{- end -}}

{{- define "flotilla.secretVolume" -}}
name: secrets
projected:
  defaultMode: 288 # 0440
  sources:
    {{- range . }}
    - secret: { name: {{ .secret | quote }}, items: [{ key: {{ .key | quote }}, path: {{ .variable }} }] }
    {{- end }}
{{- end -}}

{{/*
Waits until the bundled servers that a service stands on take connections: on a first install they start along with it, and
it would otherwise end and be started anew until they are there.
*/}}
{{- define "flotilla.waitContainer" -}}
{{- $ports := dict "nats" 4222 "postgres" 5432 "redis" 6379 -}}
{{- $addresses := list -}}
{{- range (index (include "flotilla.facts" .root | fromYaml) .name).servers }}
{{- if (index $.root.Values .).bundled }}
{{- $addresses = append $addresses (printf "%s-%s:%d" (include "flotilla.fullname" $.root) . (index $ports . | int)) }}
{{- end }}
{{- end }}
{{- with $addresses }}
- name: wait
  image: {{ include "flotilla.image" $.root | quote }}
  imagePullPolicy: {{ $.root.Values.image.pullPolicy }}
  command: [node, -e, {{ $.root.Files.Get "files/wait.js" | quote }}, {{ join ", " . }}]
  securityContext: {{- toYaml $.root.Values.containerSecurityContext | nindent 4 }}
  resources:
    requests: { cpu: 10m, memory: 64Mi }
    limits: { memory: 128Mi }
{{- end }}
{{- end -}}

{{- define "flotilla.spread" -}}
{{- $when := dict "preferred" "ScheduleAnyway" "required" "DoNotSchedule" -}}
{{- range $what, $key := dict "zones" "topology.kubernetes.io/zone" "hosts" "kubernetes.io/hostname" }}
{{- with index $when (index $.service.spread $what) }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: {{ . }}
  matchLabelKeys: [pod-template-hash]
  labelSelector: { matchLabels: {{ include "flotilla.selector" (dict "root" $.root "part" $.name) | fromYaml | toJson }} }
{{- end }}
{{- end }}
{{- end -}}

{{/* What all of our pods have. */}}
{{- define "flotilla.podBasics" -}}
automountServiceAccountToken: {{ default false .kube }}
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{/* Where a service runs: the fields of its row that are a pod's own. */}}
{{- define "flotilla.placement" -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $ $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "flotilla.fleetNamespaces" -}}
{{- default (list .Release.Namespace) .Values.fleet.namespaces | toYaml -}}
{{- end -}}
