{{- define "tradefleet.name" -}}{{ .Chart.Name }}{{- end }}

{{- define "tradefleet.labels" -}}
app.kubernetes.io/name: tradefleet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* Of pods too: a version among their labels would replace a store's pod, and what it holds, with each new
chart. */ -}}
{{- define "tradefleet.selector" -}}
app.kubernetes.io/name: tradefleet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* A digest says more than a tag, and wins. */ -}}
{{- define "tradefleet.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* Name of a part. 50 characters, since controllers put a hash behind it and labels end at 63; a release
may have 53. */ -}}
{{- define "tradefleet.named" -}}
{{ .root.Release.Name | trunc (int (sub 49 (len .part))) | trimSuffix "-" }}-{{ .part }}
{{- end }}

{{- define "tradefleet.operatorName" -}}
{{ include "tradefleet.named" (dict "root" . "part" "operator") }}
{{- end }}

{{- /* Of the cluster, not of a namespace: two releases may have one name in two namespaces. */ -}}
{{- define "tradefleet.clusterName" -}}
{{ .Release.Namespace }}-{{ include "tradefleet.operatorName" . }}
{{- end }}

{{- /* Where a pod may run. */ -}}
{{- define "tradefleet.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* One value of a Secret that stands already, else a new one. A Secret of somebody else is not touched. */ -}}
{{- define "tradefleet.kept" -}}
{{- if .given -}}
{{ .given }}
{{- else if .there -}}
{{- if not (hasKey (.there.data | default dict) .key) -}}
{{- fail (printf "Secret %s exists and has no key %s: it is not this chart's. Install without %s.install, or name another %s.secretName" .there.metadata.name .key .of .of) -}}
{{- end -}}
{{ index .there.data .key | b64dec }}
{{- else -}}
{{ randAlphaNum (int .length) }}
{{- end }}
{{- end }}

{{- /* Restricted Pod Security, for every pod of this chart. */ -}}
{{- define "tradefleet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tradefleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "tradefleet.pullSecretNames" -}}
{{- $names := list }}
{{- range .Values.imagePullSecrets }}{{ $names = append $names .name }}{{ end }}
{{- join "," $names }}
{{- end }}

{{- define "tradefleet.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
