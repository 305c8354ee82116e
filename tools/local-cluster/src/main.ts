import { rmSync } from 'node:fs';
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
const folder = path.resolve('.data/cluster');
const commands = path.join(folder, 'bin');

let starting: Promise<LocalCluster> | undefined;
let up = false;
await runProcess({
  async start() {
    if (ingressPort !== 0 && (await takesConnections(ingressPort))) {
      throw new Error(`port ${ingressPort} is in use (by a Flotilla that runs already?): set FLOTILLA_PORT to another`);
    }
    writeCommands(commands);
    starting = startLocalCluster({ ingressPort, progress: (line) => console.log(`${line} …`) });
    console.log(nextSteps(await starting, commands));
    up = true;
  },
  ready: () => Promise.resolve(up),
  async shutdown() {
    const cluster = await starting?.catch(() => undefined);
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  },
});
