{{/* Where vLLM finds the weights: a name on the hub, an address, or a folder. */}}
{{- define "vllm-engine.weights" -}}
{{- with .Values.source -}}
{{- if .hub }}{{ .hub.repo }}
{{- else if .s3 }}{{ .s3.uri }}
{{- else if .pvc }}{{ printf "/models/%s" (.pvc.path | default "") | trimSuffix "/" }}
{{- else if .image }}{{ printf "/models/%s" (.image.path | default "") | trimSuffix "/" }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Arguments as a YAML list. Nothing in them depends on the number of replicas or on which adapters the controller loads. */}}
{{- define "vllm-engine.args" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $profile := $values.profile -}}
{{- $gpus := mul (int $profile.count) (int $profile.hosts) -}}
{{- $pipeline := int ($profile.pipelineParallel | default $profile.hosts) -}}
{{- $tensor := int ($profile.tensorParallel | default (max 1 (div $gpus $pipeline))) -}}
{{- $args := list (include "vllm-engine.weights" $root) -}}
{{- $args = concat $args (list "--served-model-name" ($values.model | default $root.Release.Name)) -}}
{{- $args = concat $args (list "--port" (toString (int $values.engine.port))) -}}
{{- $args = concat $args (list "--shutdown-timeout" (toString (int $values.drainSeconds))) -}}
{{- if gt $tensor 1 }}{{ $args = concat $args (list "--tensor-parallel-size" (toString $tensor)) }}{{ end -}}
{{- if gt $pipeline 1 }}{{ $args = concat $args (list "--pipeline-parallel-size" (toString $pipeline)) }}{{ end -}}
{{- if gt (int $profile.hosts) 1 -}}
{{- $args = concat $args (list "--nnodes" "$(LWS_GROUP_SIZE)" "--node-rank" "$(LWS_WORKER_INDEX)" "--master-addr" "$(LWS_LEADER_ADDRESS)") -}}
{{- end -}}
{{- with $values.source.hub -}}
{{- if .revision }}{{ $args = concat $args (list "--revision" .revision) }}{{ end -}}
{{- end -}}
{{- if $values.source.s3 -}}
{{- $args = concat $args (list "--load-format" "runai_streamer") -}}
{{- if gt $tensor 1 }}{{ $args = concat $args (list "--model-loader-extra-config" `{"distributed":true}`) }}{{ end -}}
{{- end -}}
{{- if $values.sleep }}{{ $args = append $args "--enable-sleep-mode" }}{{ end -}}
{{- if $values.adapters -}}
{{- with $values.lora -}}
{{- $args = concat $args (list "--enable-lora" "--max-loras" (toString (int .maxLoras)) "--max-cpu-loras" (toString (int .maxCpuLoras)) "--max-lora-rank" (toString (int .maxRank))) -}}
{{- end -}}
{{- if not $values.workload -}}
{{- $args = append $args "--lora-modules" -}}
{{- range $values.adapters }}{{ $args = append $args (printf "%s=%s" .name .path) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $args = concat $args $values.engine.args -}}
{{- if eq .role "worker" }}{{ $args = append $args "--headless" }}{{ end -}}
{{- toYaml $args -}}
{{- end -}}

{{/* What reaches the store that weights are fetched from. */}}
{{- define "vllm-engine.sourceEnv" -}}
{{- $env := list -}}
{{- with .Values.source.hub -}}
{{- with .tokenSecret }}{{ $env = append $env (dict "name" "HF_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" .name "key" .key))) }}{{ end -}}
{{- end -}}
{{- with .Values.source.s3 -}}
{{- with .region }}{{ $env = append $env (dict "name" "AWS_REGION" "value" .) }}{{ end -}}
{{- with .endpoint -}}
{{- $env = append $env (dict "name" "AWS_ENDPOINT_URL" "value" .) -}}
{{- $env = append $env (dict "name" "AWS_EC2_METADATA_DISABLED" "value" "true") -}}
{{- $env = append $env (dict "name" "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING" "value" "0") -}}
{{- end -}}
{{- with .credentialsSecret -}}
{{- $secret := . -}}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" -}}
{{- $env = append $env (dict "name" . "valueFrom" (dict "secretKeyRef" (dict "name" $secret "key" .))) -}}
{{- end -}}
{{- $env = append $env (dict "name" "AWS_SESSION_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" $secret "key" "AWS_SESSION_TOKEN" "optional" true))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{/* HOME and USER: libraries ask for them, and the image may not know the user id it runs as. */}}
{{- define "vllm-engine.homeEnv" -}}
- name: HOME
  value: /home/vllm
- name: USER
  value: vllm
- name: HF_HOME
  value: /cache/huggingface
{{- end -}}

{{/* The model's own entries replace ours of the same name. */}}
{{- define "vllm-engine.env" -}}
{{- $env := concat (include "vllm-engine.homeEnv" . | fromYamlArray) (include "vllm-engine.sourceEnv" . | fromYamlArray) -}}
{{- if gt (int .Values.profile.hosts) 1 -}}
{{- $env = append $env (dict "name" "VLLM_HOST_IP" "valueFrom" (dict "fieldRef" (dict "fieldPath" "status.podIP"))) -}}
{{- end -}}
{{- if .Values.sleep }}{{ $env = append $env (dict "name" "VLLM_SERVER_DEV_MODE" "value" "1") }}{{ end -}}
{{- if .Values.adapters }}{{ $env = append $env (dict "name" "VLLM_ALLOW_RUNTIME_LORA_UPDATING" "value" "True") }}{{ end -}}
{{- $theirs := dict -}}
{{- range .Values.engine.env }}{{ $_ := set $theirs .name true }}{{ end -}}
{{- $ours := list -}}
{{- range $env }}{{ if not (hasKey $theirs .name) }}{{ $ours = append $ours . }}{{ end }}{{ end -}}
{{- toYaml (concat $ours .Values.engine.env) -}}
{{- end -}}
