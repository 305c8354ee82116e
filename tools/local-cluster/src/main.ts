import path from 'node:path';
import { readEnvironment, runProcess } from '@flotilla/kernel';
import { takesConnections } from '@flotilla/testkit';
import { z } from 'zod';
import { nextSteps, writeCommands } from './command-line.ts';
import { startLocalCluster, type LocalCluster } from './local-cluster.ts';

// make cluster: a Kubernetes of this machine, until Ctrl-C.
const schema = z.object({
  port: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('Where Ingress objects are served. 0: a free one'),
});
const { port: ingressPort } = readEnvironment(schema, 'FLOTILLA', process.env);

let starting: Promise<LocalCluster> | undefined;
let up = false;
await runProcess({
  async start() {
    if (ingressPort !== 0 && (await takesConnections(ingressPort))) {
      throw new Error(`port ${ingressPort} is in use (by a Flotilla that runs already?): set FLOTILLA_PORT to another`);
    }
    starting = startLocalCluster({ ingressPort, progress: (line) => console.log(`${line} …`) });
    const cluster = await starting;
    // In the cluster's own folder: another that runs beside it, or ends, takes none of them away.
    const commands = path.join(cluster.stateDir, 'bin');
    writeCommands(commands);
    console.log(nextSteps(cluster, commands));
    up = true;
  },
  ready: () => Promise.resolve(up),
  async shutdown() {
    const cluster = await starting?.catch(() => undefined);
    await cluster?.stop();
  },
});
