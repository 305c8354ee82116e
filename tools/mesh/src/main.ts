import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readEnvironment, runProcess } from '@flotilla/kernel';
import { banner, devKey, findEngines, standaloneConfigSchema } from '@flotilla/standalone';
import { stringify } from 'yaml';
import { startMesh, type Mesh } from './mesh.ts';

// make mesh: the seven services as processes on this machine, until Ctrl-C.
const config = readEnvironment(standaloneConfigSchema, 'FLOTILLA', process.env);
const dataDir = path.resolve(config.dataDir);
const folder = path.join(dataDir, 'mesh');
mkdirSync(folder, { recursive: true, mode: 0o700 });
const key = devKey(dataDir, config.devKey);

let says = `Configuration: ${config.config}`;
let file = config.config;
if (!file) {
  const found = await findEngines(process.env);
  says = found.says;
  file = path.join(folder, 'found-engines.yaml');
  writeFileSync(file, stringify(found.file));
}

let mesh: Mesh | undefined;
await runProcess({
  async start() {
    const env = { FLOTILLA_CONFIG: file };
    mesh = await startMesh({ folder, port: config.port, devKey: key, env, progress: (line) => console.log(line) });
    for (const [service, pid] of Object.entries(mesh.pids))
      console.log(`  ${service} (pid ${pid}): ${path.join(folder, service)}.log`);
    console.log(await banner({ url: mesh.url, key, dataDir, says }));
  },
  ready: async () => mesh !== undefined,
  shutdown: async () => mesh?.stop(),
});
