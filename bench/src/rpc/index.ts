import type { BenchRow } from '../row.ts';
import { cpuOf, Peer } from './child.ts';
import type { CallFigures } from './load.ts';
import type { Crowd } from './peer.ts';

const mib = 1 << 20;

/** Calls at once: what a gateway has under way to one service at a few thousand requests per second. */
const concurrency = 16;

/** What a call over a link costs against the same call by grpc-js, and what one call does to the others. ~20 s. */
export async function benchRpc(): Promise<BenchRow[]> {
  const server = new Peer();
  const client = new Peer();
  try {
    const address = await server.tell<string>({ kind: 'serve' });
    return [
      ...(await withinProcess(client)),
      ...(await callCost(server, client, address)),
      ...(await streamCost(server, client, address)),
      ...(await stall(client, address)),
      ...(await crowd()),
    ];
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}

/** The p50 of a grpc-js call at concurrency 1, milliseconds: what a hop costs on this machine now. */
export async function grpcCallMs(): Promise<number> {
  const server = new Peer();
  const client = new Peer();
  try {
    const address = await server.tell<string>({ kind: 'serve' });
    const call = { kind: 'call', over: 'grpc', address, concurrency: 1 } as const;
    await client.tell({ ...call, ms: 3_000 });
    return (await client.tell<CallFigures>({ ...call, ms: 2_000 })).p50;
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}

async function withinProcess(client: Peer): Promise<BenchRow[]> {
  const { call, message } = await client.tell<{ call: number; message: number }>({ kind: 'memory' });
  return [
    row('rpc: call within one process, CPU', call, 'µs', '≤ 3', call <= 3),
    row('rpc: streamed message within one process, CPU', message, 'µs', '≤ 1', message <= 1),
  ];
}

async function callCost(server: Peer, client: Peer, address: string): Promise<BenchRow[]> {
  const measure = async (over: 'link' | 'grpc', callers: number, ms: number) => {
    let figures!: CallFigures;
    const cpu = await cpuOf([server, client], async () => {
      figures = await client.tell<CallFigures>({ kind: 'call', over, address, concurrency: callers, ms });
    });
    return { micros: cpu / figures.calls, ...figures };
  };
  await measure('grpc', concurrency, 1_000);
  await measure('link', concurrency, 1_000);
  const grpc = await measure('grpc', concurrency, 2_000);
  const link = await measure('link', concurrency, 2_000);
  const single = await measure('link', 1, 1_000);
  const ratio = link.micros / grpc.micros;
  return [
    row(
      'rpc: link call / grpc-js call, CPU of both ends',
      ratio,
      '',
      '≤ 0.25',
      ratio <= 0.25,
      `concurrency ${concurrency}`,
    ),
    row('rpc: grpc-js unary call, CPU of both ends', grpc.micros, 'µs', '', true),
    row('rpc: link unary call, CPU of both ends', link.micros, 'µs', '', true),
    row(
      'rpc: link unary call at concurrency 1, p50',
      single.p50 * 1_000,
      'µs',
      '',
      true,
      `CPU ${single.micros.toFixed(0)} µs`,
    ),
  ];
}

async function streamCost(server: Peer, client: Peer, address: string): Promise<BenchRow[]> {
  const measure = async (over: 'link' | 'grpc', messages: number) => {
    let count = 0;
    const cpu = await cpuOf([server, client], async () => {
      count = await client.tell<number>({ kind: 'stream', over, address, concurrency, messages });
    });
    return cpu / count;
  };
  await measure('link', 1_000);
  const grpc = await measure('grpc', 1_000);
  const link = await measure('link', 5_000);
  return [
    row('rpc: streamed message over a link, CPU of both ends', link, 'µs', '', true, `grpc-js ${grpc.toFixed(1)} µs`),
  ];
}

async function stall(client: Peer, address: string): Promise<BenchRow[]> {
  const { alone, beside } = await client.tell<{ alone: CallFigures; beside: CallFigures }>({
    kind: 'stall',
    address,
    ms: 500,
  });
  // A stall would be hundreds of milliseconds; five are what the scheduler of a busy machine does.
  const most = 2 * alone.p99 + 5;
  const note = `${alone.p99.toFixed(2)} ms without it`;
  return [
    row(
      'rpc: p99 of calls beside a stream nobody reads',
      beside.p99,
      'ms',
      `≤ ${most.toFixed(1)}`,
      beside.p99 <= most,
      note,
    ),
  ];
}

/** Half of the calls wait for an answer, half are streams that nobody reads. In processes that have done nothing before. */
async function crowd(): Promise<BenchRow[]> {
  const calls = 10_000;
  const server = new Peer();
  const client = new Peer();
  try {
    const address = await server.tell<string>({ kind: 'serve' });
    await client.tell({ kind: 'call', over: 'link', address, concurrency, ms: 200 });
    const before = await server.usage();
    const { grown, ended } = await client.tell<Crowd>({ kind: 'crowd', address, calls });
    const after = await server.usage();
    const both = (grown + Math.max(0, after.rss - before.rss)) / mib;
    const ok = both <= 400 && ended === calls;
    const note = `half of them unread streams of 1 KiB messages; ${ended} ended cleanly`;
    return [row(`rpc: memory of ${calls} calls under way, both ends`, both, 'MiB', '≤ 400', ok, note)];
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}

function row(name: string, measured: number, unit: string, target: string, ok: boolean, note?: string): BenchRow {
  return { name, measured: Number(measured.toPrecision(3)), unit, target, ok, ...(note !== undefined && { note }) };
}
