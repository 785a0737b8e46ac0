{{- /* Each takes a dict of `root` and, but for huitou.labels, `service` and `process`. */}}

{{- define "huitou.name" -}}
{{- printf "%s-%s-%s" (.root.Release.Name | trunc 40 | trimSuffix "-") .service .process -}}
{{- end }}

{{- define "huitou.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}-{{ .process }}
{{- end }}

{{- define "huitou.labels" -}}
{{ include "huitou.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "huitou.image" -}}
{{ .root.Values.image.repository }}/{{ .service }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "huitou.podSpec" -}}
automountServiceAccountToken: false
# With it the address of a service would come as a variable, and may have the name of a setting.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .root.Values.kafka.tlsSecret }}
  - name: kafka-tls
    secret: {secretName: {{ . }}, defaultMode: 288}
  {{- end }}
  {{- with .root.Values.postgres.tlsSecret }}
  - name: postgres-tls
    secret: {secretName: {{ . }}, defaultMode: 288}
  {{- end }}
{{- end }}

{{- define "huitou.container" -}}
image: {{ include "huitou.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: ["ALL"]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if .root.Values.kafka.tlsSecret }}
  - {name: kafka-tls, mountPath: /etc/huitou/kafka, readOnly: true}
  {{- end }}
  {{- if .root.Values.postgres.tlsSecret }}
  - {name: postgres-tls, mountPath: /etc/huitou/postgres, readOnly: true}
  {{- end }}
{{- end }}

{{- define "huitou.kafkaEnv" -}}
- name: HUITOU_KAFKA
  value: {{ .root.Values.kafka.bootstrapServers | quote }}
{{- with .root.Values.kafka.existingSecret }}
- name: HUITOU_KAFKA_SECURITY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: security}}
{{- end }}
{{- end }}

{{- define "huitou.processEnv" -}}
{{- $password := printf "%s-password" .process }}
{{ include "huitou.kafkaEnv" . }}
- name: DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ (index .root.Values.services .service).existingSecret }}, key: {{ $password }}}}
- name: HUITOU_POSTGRES
  value: "postgresql://huitou_{{ .service }}_{{ .process }}:$(DATABASE_PASSWORD)@{{ .root.Values.postgres.host }}:{{ .root.Values.postgres.port }}/postgres{{ with .root.Values.postgres.parameters }}?{{ . }}{{ end }}"
- name: HUITOU_SECRET
  valueFrom: {secretKeyRef: {name: {{ .root.Values.installation.existingSecret }}, key: secret}}
- name: HUITOU_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .root.Values.installation.existingSecret }}, key: api-key}}
- name: HUITOU_GRACE_SECONDS
  value: {{ .root.Values.graceSeconds | quote }}
- name: HUITOU_INSTANCE
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- range $name := list "segment" "loyalty" "campaign" "notify" }}
- name: HUITOU_{{ upper $name }}_URL
  value: "http://{{ include "huitou.name" (dict "root" $.root "service" $name "process" "api") }}:8000"
{{- end }}
{{- if eq .service "notify" }}
- name: HUITOU_SMS_URL
  value: {{ .root.Values.sms.url | quote }}
- name: HUITOU_SMS_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .root.Values.sms.existingSecret }}, key: token}}
{{- end }}
{{- range $name, $value := .root.Values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "huitou.probes" -}}
{{- $port := . -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ $port }}}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /healthz, port: {{ $port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
