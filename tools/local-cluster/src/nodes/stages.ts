import { stringify } from 'yaml';

/*
 * What KWOK does to which objects (https://kwok.sigs.k8s.io/docs/user/stages-configuration/). Without a stage for pods it
 * leaves them alone: they are the agent's.
 */

const stage = (name: string, kind: 'Node' | 'Pod', matchExpressions: unknown[], next: unknown) => ({
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name },
  spec: { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions }, next },
});

const isNotReady = {
  key: '.status.conditions.[] | select( .type == "Ready" ) | .status',
  operator: 'NotIn',
  values: ['True'],
};
const isDeleted = { key: '.metadata.deletionTimestamp', operator: 'Exists' };
const isKept = { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' };
const inPhase = (phase: string) => ({ key: '.status.phase', operator: 'In', values: [phase] });
const ofJob = { key: '.metadata.ownerReferences.[].kind', operator: 'In', values: ['Job'] };

/** A node becomes ready and says where its kubelet would be. Its heartbeat is its lease alone, which KWOK renews. */
const nodeReady = stage('node-ready', 'Node', [isNotReady], {
  statusTemplate: `
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- { type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }}, message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }} }
{{ end }}
addresses:
- { type: InternalIP, address: {{ NodeIP | Quote }} }
- { type: Hostname, address: {{ NodeName | Quote }} }
phase: Running
`,
});

const containerStatuses = (ready: boolean, state: string) => `
containerStatuses:
{{ range .spec.containers }}
- { name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: ${ready}, started: ${ready}, restartCount: 0, state: ${state} }
{{ end }}
`;

/** Pods that only say that they run: for counts that no machine runs as processes. Those of Jobs end well at once. */
const fakePods = [
  stage('pod-runs', 'Pod', [isKept, inPhase('Pending')], {
    statusTemplate: `
{{ $now := Now }}
conditions:
- { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
- { type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }} }
- { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }
${containerStatuses(true, '{ running: { startedAt: {{ $now | Quote }} } }')}
{{ with PodIPsWith .spec.nodeName false ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
podIP: {{ index . 0 | Quote }}
podIPs: [{ ip: {{ index . 0 | Quote }} }]
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
`,
  }),
  stage('pod-completes', 'Pod', [isKept, inPhase('Running'), ofJob], {
    statusTemplate: `
{{ $now := Now }}
${containerStatuses(false, '{ terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }')}
phase: Succeeded
`,
  }),
  stage('pod-goes', 'Pod', [isDeleted], { delete: true }),
];

/** The configuration file of KWOK. */
export function kwokConfig(options: { fakePods: boolean }): string {
  const stages = options.fakePods ? [nodeReady, ...fakePods] : [nodeReady];
  return stages.map((each) => stringify(each, { lineWidth: 0 })).join('---\n');
}
