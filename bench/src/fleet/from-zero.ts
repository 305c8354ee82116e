import path from 'node:path';
import { freePort, startChild } from '@flotilla/testkit';
import { atMost, type BenchRow } from '../row.ts';
import { engineEnv, type Installed } from './installed.ts';

/** What loading weights takes in the simulator, milliseconds. */
const loadMs = 3_000;
const rounds = 5;
const idleSeconds = 3;

/** From a request for a Model at zero to its first token, beyond what the engine takes to start. */
export async function fromZero({ apply, reached, url, key }: Installed): Promise<BenchRow[]> {
  await apply('cold', {
    source: { hub: { repo: 'example/cold' } },
    profiles: [{ name: 'gpu', count: 1 }],
    engine: { env: engineEnv({ STARTUP_MS: loadMs }) },
    scaling: {
      maxReplicas: 1,
      stableWindowSeconds: 1,
      panicWindowSeconds: 1,
      scaleDownDelaySeconds: 0,
      idle: { zeroSeconds: idleSeconds },
    },
    drainSeconds: 5,
  });
  const beyond: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await reached('cold', { phase: 'Zero' });
    const engine = await engineStart();
    const asked = performance.now();
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'cold', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
      signal: AbortSignal.timeout(120_000),
    });
    beyond.push((await firstToken(response, asked)) - engine);
    await response.body?.cancel().catch(() => undefined);
  }
  beyond.sort((a, b) => a - b);
  const note = `median ${(beyond[Math.floor(rounds / 2)]! / 1_000).toFixed(2)} s; the engine itself: process and ${loadMs / 1_000} s of loading`;
  return [
    atMost(
      'fleet: demand at zero → first token, beyond the engine’s start, worst of 5',
      beyond.at(-1)! / 1_000,
      1,
      's',
      note,
    ),
  ];
}

/** Milliseconds such an engine takes on this machine from its process to its first healthy answer. */
async function engineStart(): Promise<number> {
  const port = await freePort();
  const startedAt = performance.now();
  const engine = await startChild({
    command: process.execPath,
    args: [
      path.resolve(import.meta.dirname, '../../../tools/engine-sim/dist/main.js'),
      '--port',
      `${port}`,
      '--startup-ms',
      `${loadMs}`,
    ],
    ready: { url: `http://127.0.0.1:${port}/health` },
  });
  const took = performance.now() - startedAt;
  await engine.stop();
  return took;
}

async function firstToken(response: Response, asked: number): Promise<number> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of response.body!) {
    text += decoder.decode(piece, { stream: true });
    if (/"content":"[^"]/.test(text)) return performance.now() - asked;
    if (text.includes('"error"')) break;
  }
  throw new Error(`no token came: ${text.slice(0, 300)}`);
}
