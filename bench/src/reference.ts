import path from 'node:path';
import { nodeFlags } from '@flotilla/mesh';
import { freePort, startChild, type Child } from '@flotilla/testkit';
import { measure, startEngine } from './measure.ts';
import { grpcCallMs } from './rpc/index.ts';
import type { BenchRow } from './row.ts';

export const key = 'sk-flotilla-bench';

/** Enough for V8 to have compiled what is hot: the first thousands of chats cost twice as much as the ones after. */
export const warmUp = { chats: 30_000, streams: 3_000 };
export const measured = { chats: 10_000, streams: 3_000, alone: 2_000 };

/** How much slower this machine is now than the one the targets were set on, by what the prototypes of the targets cost. */
export interface Reference {
  chatScale: number;
  tokenScale: number;
  /** Of the gateway alone; the mesh's. */
  gatewayScale?: number;
  /** Of the latency of a hop. */
  hopScale: number;
  rows: BenchRow[];
}

/**
 * What prototypes cost on the machine of the targets: µs of CPU, and ms for a unary call of grpc-js at concurrency 1. One
 * process: HTTP, a safety pattern, undici to the engine. Four: the same on coalesced links.
 */
const prototypes = {
  standalone: { chat: 137, token: 6.5 },
  mesh: { chat: 247, token: 10, gateway: 80 },
  hopMs: 0.36,
};

type Processes = Record<string, { args: (string | number)[]; ready: RegExp }>;

/** Starts the processes one after another, the last of them answers HTTP, and measures them warmed up as the platform is. */
async function measureProcesses(processes: Processes, url: string) {
  const children: Record<string, Child> = {};
  try {
    for (const [name, { args, ready }] of Object.entries(processes)) {
      const [file, ...rest] = args.map(String);
      children[name] = await startChild({
        command: process.execPath,
        args: [...nodeFlags, path.join(import.meta.dirname, file!), ...rest],
        ready: { line: ready },
      });
    }
    const pids = Object.fromEntries(Object.entries(children).map(([name, { pid }]) => [name, pid]));
    const plan = { url, key, concurrency: 16 };
    const whole = await measure({ ...plan, stream: false, requests: measured.chats, warmUp: warmUp.chats }, pids);
    const streamed = await measure({ ...plan, stream: true, requests: measured.streams, warmUp: warmUp.streams }, pids);
    const failed = [whole, streamed].find((result) => result.bad > 0);
    if (failed) throw new Error(`${failed.bad} requests of the reference failed, the first: ${failed.firstBad}`);
    const chat = Object.values(whole.cpuPerRequest).reduce((sum, used) => sum + used, 0);
    return { chat, token: streamed.cpuPerToken, parts: whole.cpuPerRequest };
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
  }
}

/** The prototype of one process: a pass-through proxy. Of four: a chain on gathered frames. */
async function prototypeOf(shape: 'standalone' | 'mesh', engine: number) {
  const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()));
  const [front, orchestrator, safety, router] = ports;
  const ready = /ready/;
  const processes: Processes =
    shape === 'standalone'
      ? { proxy: { args: ['proxy.js', front!, engine], ready } }
      : {
          router: { args: ['chain.js', 'router', router!, engine], ready },
          safety: { args: ['chain.js', 'safety', safety!], ready },
          orchestrator: { args: ['chain.js', 'orchestrator', orchestrator!, safety!, router!], ready },
          gateway: { args: ['chain.js', 'gateway', front!, orchestrator!], ready },
        };
  return measureProcesses(processes, `http://127.0.0.1:${front}/v1/chat/completions`);
}

/** Measures the least that a platform of this shape can do. */
export async function measureReference(shape: 'standalone' | 'mesh'): Promise<Reference> {
  const enginePort = await freePort();
  const engine = await startEngine(enginePort);
  try {
    const { chat, token, parts } = await prototypeOf(shape, enginePort);
    const hopMs = await grpcCallMs();
    const there: { chat: number; token: number; gateway?: number } = prototypes[shape];
    const name = shape === 'mesh' ? 'chain of four processes' : 'pass-through proxy';
    const rows: BenchRow[] = [];
    const scale = (what: string, unit: string, here: number, of: number) => {
      const note = `÷ ${of} ${unit} there = ${(here / of).toFixed(2)}: such figures below are divided by it`;
      rows.push({ name: what, measured: here, unit, target: '', ok: true, note });
      return here / of;
    };
    return {
      chatScale: scale(`reference: ${name}, CPU per chat`, 'µs', chat, there.chat),
      tokenScale: scale(`reference: ${name}, CPU per token`, 'µs', token, there.token),
      ...(there.gateway !== undefined && {
        gatewayScale: scale(`reference: ${name}, CPU in its gateway`, 'µs', parts.gateway!, there.gateway),
      }),
      hopScale: scale('reference: grpc-js unary call at concurrency 1, p50', 'ms', hopMs, prototypes.hopMs),
      rows,
    };
  } finally {
    engine.kill();
  }
}
