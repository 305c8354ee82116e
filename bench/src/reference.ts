import path from 'node:path';
import { nodeFlags } from '@flotilla/mesh';
import { freePort, startChild } from '@flotilla/testkit';
import { measure, startEngine } from './measure.ts';
import type { BenchRow } from './row.ts';

export const key = 'sk-flotilla-bench';

/** Enough for V8 to have compiled what is hot: the first thousands of chats cost twice as much as the ones after. */
export const warmUp = { chats: 30_000, streams: 3_000 };
export const measured = { chats: 10_000, streams: 3_000, alone: 2_000 };

/** How much slower this machine is now than the one the targets were set on. */
export interface Reference {
  chatScale: number;
  tokenScale: number;
  rows: BenchRow[];
}

/** What a prototype in one process (HTTP, a safety pattern, undici to the engine) cost on the reference machine, µs of CPU. */
const prototype = { chat: 137, token: 6.5 };

/** Measures the least a proxy can do, warmed up as the platform is. */
export async function measureReference(): Promise<Reference> {
  const [enginePort, port] = [await freePort(), await freePort()];
  const engine = await startEngine(enginePort);
  const proxy = await startChild({
    command: process.execPath,
    args: [...nodeFlags, path.join(import.meta.dirname, 'proxy.js'), String(port), String(enginePort)],
    ready: { line: /proxy ready/ },
  });
  try {
    const plan = { url: `http://127.0.0.1:${port}/v1/chat/completions`, key, concurrency: 16 };
    const pids = { proxy: proxy.pid };
    const whole = await measure({ ...plan, stream: false, requests: measured.chats, warmUp: warmUp.chats }, pids);
    const streamed = await measure({ ...plan, stream: true, requests: measured.streams, warmUp: warmUp.streams }, pids);
    const chat = whole.cpuPerRequest.proxy!;
    const token = streamed.cpuPerToken;
    const [chatScale, tokenScale] = [chat / prototype.chat, token / prototype.token];
    const row = (name: string, value: number, scale: number, of: number): BenchRow => ({
      ...{ name, measured: value, unit: 'µs', target: '', ok: true },
      note: `÷ ${of} µs there = ${scale.toFixed(2)}: the CPU figures below are divided by it`,
    });
    const rows = [
      row('reference: pass-through proxy, CPU per chat', chat, chatScale, prototype.chat),
      row('reference: pass-through proxy, CPU per token', token, tokenScale, prototype.token),
    ];
    return { chatScale, tokenScale, rows };
  } finally {
    await proxy.stop();
    engine.kill();
  }
}
