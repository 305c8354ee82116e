{{/* A pod of the workload. `role`: leader answers requests; worker holds a part of a model that is on several hosts. */}}
{{- define "vllm-engine.podTemplate" -}}
{{- $root := .root -}}
{{- $profile := $root.Values.profile -}}
metadata:
  labels:
    {{- include "vllm-engine.versionLabels" $root | nindent 4 }}
    fleet.flotilla.dev/role: {{ .role }}
  {{- with $root.Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "vllm-engine.podBasics" $root | nindent 2 }}
  # The pod still serves while it leaves the routers' lists, then vLLM finishes what runs; what is left is its own end.
  terminationGracePeriodSeconds: {{ add (int $root.Values.preStopSeconds) (int $root.Values.drainSeconds) 30 }}
  {{- with $profile.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $profile.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  tolerations:
    - key: {{ $profile.resource }}
      operator: Exists
      effect: NoSchedule
    {{- with $profile.tolerations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if eq (int $profile.hosts) 1 }}
  topologySpreadConstraints:
    - topologyKey: topology.kubernetes.io/zone
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      # Each version by itself: while one replaces the other, the old one's pods do not count.
      matchLabelKeys: [pod-template-hash]
      labelSelector:
        matchLabels:
          {{- include "vllm-engine.workloadSelector" $root | nindent 10 }}
  {{- end }}
  containers:
    - name: engine
      image: {{ $root.Values.engine.image }}
      imagePullPolicy: IfNotPresent
      command: [vllm, serve]
      args:
        {{- include "vllm-engine.args" . | nindent 8 }}
      env:
        {{- include "vllm-engine.env" $root | nindent 8 }}
      {{- if eq .role "leader" }}
      ports:
        - name: http
          containerPort: {{ int $root.Values.engine.port }}
      {{- include "vllm-engine.probes" $root | nindent 6 }}
      {{- end }}
      resources:
        {{- include "vllm-engine.resources" $profile | nindent 8 }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      # The last lines of the log say why it ended.
      terminationMessagePolicy: FallbackToLogsOnError
      volumeMounts:
        - { name: shared-memory, mountPath: /dev/shm }
        - { name: home, mountPath: /home/vllm }
        - { name: cache, mountPath: /cache }
        {{- if or $root.Values.source.pvc $root.Values.source.image }}
        - { name: weights, mountPath: /models, readOnly: true }
        {{- end }}
  volumes:
    - name: shared-memory
      emptyDir: { medium: Memory, sizeLimit: {{ $profile.sharedMemory }} }
    {{- include "vllm-engine.storage" $root | nindent 4 }}
    {{- with $root.Values.source.pvc }}
    - name: weights
      persistentVolumeClaim: { claimName: {{ .claim }}, readOnly: true }
    {{- end }}
    {{- with $root.Values.source.image }}
    - name: weights
      image: { reference: {{ .reference | quote }}, pullPolicy: IfNotPresent }
    {{- end }}
{{- end -}}

{{- define "vllm-engine.podBasics" -}}
serviceAccountName: {{ include "vllm-engine.serviceAccount" . }}
automountServiceAccountToken: false
# A Service called vllm would set VLLM_PORT, which vLLM reads.
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "vllm-engine.storage" -}}
- name: home
  emptyDir: {}
- name: cache
  {{- with include "vllm-engine.cacheClaim" . }}
  persistentVolumeClaim: { claimName: {{ . }} }
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end -}}

{{- define "vllm-engine.probes" -}}
# Weights may take long: liveness begins only when it has started.
startupProbe:
  httpGet: { path: /health, port: http }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: {{ max 1 (div (add (int .Values.startTimeoutSeconds) 4) 5) }}
readinessProbe:
  httpGet: { path: /health, port: http }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
# /health answers 503 when the engine behind the server is dead; a busy one may be slow to say so.
livenessProbe:
  httpGet: { path: /health, port: http }
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 6
{{- if .Values.preStopSeconds }}
lifecycle:
  preStop:
    sleep: { seconds: {{ int .Values.preStopSeconds }} }
{{- end }}
{{- end -}}

{{/* Of a profile. Memory is asked for as it is limited, so that a node's pressure never ends an engine. */}}
{{- define "vllm-engine.resources" -}}
requests:
  {{ .resource }}: {{ int .count | quote }}
  {{- with .cpu }}
  cpu: {{ . | quote }}
  {{- end }}
  {{- with .memory }}
  memory: {{ . | quote }}
  {{- end }}
limits:
  {{ .resource }}: {{ int .count | quote }}
  {{- with .memory }}
  memory: {{ . | quote }}
  {{- end }}
{{- end -}}
