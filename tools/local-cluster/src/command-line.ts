import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireTool } from '@flotilla/testkit';
import type { LocalCluster } from './local-cluster.ts';

/** A folder with `kubectl` and `helm`, of the versions the cluster is tested with. */
export function writeCommands(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const commands = { kubectl: `'${requireTool('control-plane')}' kubectl`, helm: `'${requireTool('helm')}'` };
  for (const [name, command] of Object.entries(commands)) {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(file, 0o755);
  }
}

/** What a person does next, in another terminal. */
export function nextSteps({ kubeconfig, ingressUrl, stateDir }: LocalCluster, commands: string): string {
  return `
A Kubernetes of this machine is ready. In another terminal, in this folder:

export KUBECONFIG=${kubeconfig} FLOTILLA_INGRESS=${ingressUrl} PATH=${commands}:$PATH

  kubectl get nodes                         two zones with GPUs
  helm install flotilla charts/flotilla …   pods become processes of this machine
  curl $FLOTILLA_INGRESS/v1/models          what Ingress objects serve

Next steps: docs/guides/kubernetes.md. Logs: ${stateDir}
Ctrl-C ends all of it and leaves nothing.
`;
}
