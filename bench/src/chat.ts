import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nodeFlags, startMesh } from '@flotilla/mesh';
import { freePort, startChild } from '@flotilla/testkit';
import { stringify } from 'yaml';
import { descendants, measure, residentMiB, startEngine } from './measure.ts';
import { key, measured, warmUp, type Reference } from './reference.ts';
import { atMost, type BenchRow } from './row.ts';

/** A running platform to be measured: where it answers, and its processes by name. */
interface Subject {
  name: 'standalone' | 'mesh';
  url: string;
  pids: Record<string, number>;
  stop(): Promise<void>;
}

const targets = {
  standalone: { chat: 250, token: 15, added: 1 },
  mesh: { chat: 450, token: 30, added: 2.5 },
};

async function startStandalone(env: Record<string, string>, folder: string): Promise<Subject> {
  const port = await freePort();
  const main = path.resolve(import.meta.dirname, '../../services/standalone/dist/main.js');
  const child = await startChild({
    command: process.execPath,
    args: [...nodeFlags, main],
    env: { ...env, FLOTILLA_DEV_KEY: key, FLOTILLA_PORT: String(port), FLOTILLA_DATA_DIR: path.join(folder, 'data') },
    ready: { line: /Flotilla is ready/ },
  });
  return {
    name: 'standalone',
    url: `http://127.0.0.1:${port}`,
    pids: { standalone: child.pid },
    stop: () => child.stop(),
  };
}

async function startMeshSubject(env: Record<string, string>, folder: string): Promise<Subject> {
  const mesh = await startMesh({ folder: path.join(folder, 'mesh'), devKey: key, env });
  return { name: 'mesh', url: mesh.url, pids: { ...mesh.pids }, stop: () => mesh.stop() };
}

/** Runs a measurement against an engine of fixed cost behind one shape of the platform. */
async function withSubject<T>(
  shape: Subject['name'],
  engine: { port: number },
  run: (subject: Subject) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-bench-'));
  const config = path.join(folder, 'flotilla.yaml');
  // High enough to refuse nothing; decided by leases, as for a tenant that is in a hurry.
  const high = { requests_per_minute: 100_000_000, tokens_per_minute: 1_000_000_000, mode: 'lease' };
  const provider = { name: 'bench', kind: 'vllm', base_url: `http://127.0.0.1:${engine.port}/v1` };
  writeFileSync(config, stringify({ providers: [provider], tiers: { dev: high } }));
  const env = { FLOTILLA_CONFIG: config };
  const subject = await (shape === 'mesh' ? startMeshSubject(env, folder) : startStandalone(env, folder));
  try {
    return await run(subject);
  } finally {
    await subject.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * CPU per chat and per token, and what the platform adds to the latency of the bare engine, stated as on the machine the
 * targets were set on: what was measured here, divided by how much more than there its prototypes cost here.
 */
export async function benchChat(shape: Subject['name'], reference: Reference): Promise<BenchRow[]> {
  const port = await freePort();
  const engine = await startEngine(port);
  const bare = `http://127.0.0.1:${port}/v1/chat/completions`;
  try {
    return await withSubject(shape, { port }, async ({ url, pids }) => {
      const through = { key, url: `${url}/v1/chat/completions` };
      const busy = { ...through, concurrency: 16 };
      const whole = await measure({ ...busy, stream: false, requests: measured.chats, warmUp: warmUp.chats }, pids);
      const streamed = await measure(
        { ...busy, stream: true, requests: measured.streams, warmUp: warmUp.streams },
        pids,
      );
      const single = { stream: false, concurrency: 1, requests: measured.alone, warmUp: 500 };
      const alone = await measure({ ...through, ...single }, pids);
      const bareAlone = await measure({ key, url: bare, ...single }, {});
      const failed = [whole, streamed, alone].find((result) => result.bad > 0);
      if (failed) throw new Error(`${failed.bad} requests failed, the first: ${failed.firstBad}`);

      const target = targets[shape];
      const cpu = Object.values(whole.cpuPerRequest).reduce((sum, used) => sum + used, 0);
      const parts = Object.entries(whole.cpuPerRequest).map(([name, used]) => `${name} ${used.toFixed(0)}`);
      const { gateway } = whole.cpuPerRequest;
      const here = (micros: number) => `here ${micros.toFixed(micros < 100 ? 1 : 0)} µs`;
      return [
        atMost(
          `${shape}: CPU per chat, concurrency 16`,
          cpu / reference.chatScale,
          target.chat,
          'µs',
          `${here(cpu)} (${parts.join(', ')}); ${(measured.chats / whole.seconds).toFixed(0)} req/s, p99 ${whole.p99.toFixed(1)} ms`,
        ),
        ...(gateway === undefined
          ? []
          : [
              atMost(
                'mesh: CPU per chat in the gateway',
                gateway / (reference.gatewayScale ?? reference.chatScale),
                100,
                'µs',
                here(gateway),
              ),
            ]),
        atMost(
          `${shape}: CPU per streamed token`,
          streamed.cpuPerToken / reference.tokenScale,
          target.token,
          'µs',
          `${here(streamed.cpuPerToken)}; ${(streamed.tokens / streamed.seconds).toFixed(0)} tokens/s`,
        ),
        atMost(
          `${shape}: p50 added to the bare engine, concurrency 1`,
          (alone.p50 - bareAlone.p50) / reference.hopScale,
          target.added,
          'ms',
          `here ${(alone.p50 - bareAlone.p50).toFixed(2)} ms; bare ${bareAlone.p50.toFixed(2)} ms`,
        ),
      ];
    });
  } finally {
    engine.kill();
  }
}

/** Milliseconds over which many streams begin: nobody's thousand users press enter in the same instant. */
const rampMs = 10_000;
const memoryEveryMs = 2_000;

/** Many slow streams at once: does any of them stall because of us, and does memory stay where it is? Each answers 200 tokens in 10 s. */
export async function benchStreams(shape: Subject['name'], { streams = 1_000, rounds = 4 } = {}): Promise<BenchRow[]> {
  const port = await freePort();
  const engine = await startEngine(port, { NT: '200', ITL: '50' });
  try {
    return await withSubject(shape, { port }, async ({ url, pids }) => {
      const plan = { key, stream: true, warmUp: 0, rampMs, concurrency: streams };
      const bare = await measure(
        { ...plan, url: `http://127.0.0.1:${port}/v1/chat/completions`, requests: streams * 2 },
        {},
      );
      const memory: number[] = [];
      const all = Object.values(pids).flatMap((pid) => [pid, ...descendants(pid)]);
      const sampler = setInterval(
        () => memory.push(all.reduce((sum, pid) => sum + residentMiB(pid), 0)),
        memoryEveryMs,
      );
      const result = await measure({ ...plan, url: `${url}/v1/chat/completions`, requests: streams * rounds }, pids);
      clearInterval(sampler);
      if (result.bad > 0) throw new Error(`${result.bad} streams failed, the first: ${result.firstBad}`);
      // The first round fills pools and caches; the last ones end.
      const steady = memory.slice(Math.ceil(rampMs / memoryEveryMs) * 2, -Math.ceil(rampMs / memoryEveryMs));
      const third = Math.max(1, Math.floor(steady.length / 3));
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const [early, late] = [mean(steady.slice(0, third)), mean(steady.slice(-third))];
      const note = `longest gap ${result.gapMax.toFixed(0)} ms, p99 ${result.gap99.toFixed(0)} ms, ${result.cpuPerToken.toFixed(0)} µs a token; bare engine ${bare.stalls} stalls, longest ${bare.gapMax.toFixed(0)} ms`;
      return [
        atMost(`${shape}: stalls over 250 ms, ${streams} streams at 20 tokens/s`, result.stalls, bare.stalls, '', note),
        atMost(
          `${shape}: memory growth over ${result.seconds.toFixed(0)} s of ${streams} streams`,
          ((late - early) / early) * 100,
          10,
          '%',
          `${early.toFixed(0)} → ${late.toFixed(0)} MiB`,
        ),
      ];
    });
  } finally {
    engine.kill();
  }
}
