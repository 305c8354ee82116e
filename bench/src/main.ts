import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { benchChat, benchStreams } from './chat.ts';
import { benchFailover } from './failover.ts';
import { benchFleet, manyModels } from './fleet/index.ts';
import { benchScaling } from './fleet/scaling.ts';
import { benchLimits } from './limits/index.ts';
import { measureReference } from './reference.ts';
import { benchRpc } from './rpc/index.ts';
import { benchRouting } from './routing/index.ts';
import { table, type BenchRow } from './row.ts';
import { taskRows } from './tasks.ts';

// make bench: every figure as measured here and now. `--only rpc,standalone` runs some; `--soak` runs the streams for ten minutes.
const args = process.argv.slice(2);
const only = args.includes('--only') ? args[args.indexOf('--only') + 1]?.split(',') : undefined;
const streams = { streams: 1_000, rounds: args.includes('--soak') ? 58 : 4 };
const chat = async (shape: 'standalone' | 'mesh') => {
  const reference = await measureReference(shape);
  return [...reference.rows, ...(await benchChat(shape, reference))];
};
const suites: Record<string, () => Promise<BenchRow[]>> = {
  rpc: benchRpc,
  limits: benchLimits,
  routing: benchRouting,
  tasks: taskRows,
  failover: benchFailover,
  fleet: benchFleet,
  'fleet-many': manyModels,
  'fleet-scaling': benchScaling,
  standalone: () => chat('standalone'),
  mesh: () => chat('mesh'),
  'streams-standalone': () => benchStreams('standalone', streams),
  'streams-mesh': () => benchStreams('mesh', streams),
};

const rows: BenchRow[] = [];
for (const [name, run] of Object.entries(suites)) {
  if (only && !only.includes(name)) continue;
  console.error(`${name} …`);
  rows.push(...(await run()));
}
console.log(table(rows));
const file = path.resolve(import.meta.dirname, '../../.cache/bench.json');
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), node: process.version, rows }, null, 2)}\n`);
console.error(`Written to ${path.relative(process.cwd(), file)}`);
process.exit(0);
