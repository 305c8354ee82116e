// A process of its own that serves or calls, told what to do by messages; see child.ts.
import { router, safety } from '@flotilla/contracts';
import { createGrpcClient, createMemoryNetwork, createMeshNetwork, type Client, type RpcNetwork } from '@flotilla/rpc';
import { callFor, type CallFigures } from './load.ts';

export type Order =
  | { kind: 'serve' }
  | { kind: 'usage' }
  | { kind: 'memory' }
  | { kind: 'call'; over: 'link' | 'grpc'; address: string; concurrency: number; ms: number }
  | { kind: 'stream'; over: 'link' | 'grpc'; address: string; concurrency: number; messages: number }
  | { kind: 'stall'; address: string; ms: number }
  | { kind: 'crowd'; address: string; calls: number };

const request = safety.CheckRequest.fromPartial({
  caller: {
    requestId: 'req_0192f0c0d7b87cc0a2bb5b1b0f1f8f00',
    orgId: 'org_1',
    userId: 'user_1',
    keyId: 'key_1',
    tier: 'gold',
  },
  messages: [{ role: 'user', content: 'How do I reset the password of my account? '.repeat(5) }],
});
const answer = safety.CheckResponse.fromPartial({ action: safety.Action.ALLOW });
const piece = (reason: string): router.GenerateEvent => ({ event: { $case: 'waiting', value: { reason } } });
const token = piece(' token');
const medium = piece('x'.repeat(1_024));
const large = piece('x'.repeat(16_384));

interface Clients {
  safety: Client<typeof safety.SafetyDefinition>;
  router: Client<typeof router.RouterDefinition>;
}

export interface Crowd {
  /** Bytes of resident memory that the calling process gained. */
  grown: number;
  /** Calls and streams that ended as cancelled, as they should. */
  ended: number;
}

const serving = createMeshNetwork({ listen: '127.0.0.1:0' });
const clients = new Map<string, Clients>();

function connect(over: 'link' | 'grpc', address: string): Clients {
  const key = `${over} ${address}`;
  let client = clients.get(key);
  if (client === undefined) {
    const network = createMeshNetwork({ peers: { safety: address, router: address } });
    client =
      over === 'link'
        ? { safety: network.client(safety.SafetyDefinition), router: network.client(router.RouterDefinition) }
        : {
            safety: createGrpcClient(safety.SafetyDefinition, address).client,
            router: createGrpcClient(router.RouterDefinition, address).client,
          };
    clients.set(key, client);
  }
  return client;
}

function serve(network: RpcNetwork): void {
  network.serve(safety.SafetyDefinition, {
    check: async () => answer,
    guard: ({ text }, { signal }) =>
      text === 'hold'
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
        : Promise.resolve(safety.GuardResponse.fromPartial({})),
  });
  network.serve(router.RouterDefinition, {
    async *generate({ model, maxTokens }) {
      const piece = model === 'large' ? large : model === 'medium' ? medium : token;
      for (let sent = 0; sent < maxTokens; sent += 1) {
        // One token an event-loop turn, as an engine delivers them; not all in one burst.
        if (model === 'paced') await new Promise(setImmediate);
        yield piece;
      }
    },
    embed: async () => router.EmbedResponse.fromPartial({}),
    listModels: async () => router.ModelList.fromPartial({}),
  });
}

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'serve':
      serve(serving);
      await serving.listen();
      return serving.address();
    case 'usage':
      return { ...process.cpuUsage(), rss: process.memoryUsage().rss };
    case 'memory':
      return withinProcess();
    case 'call': {
      const client = connect(order.over, order.address).safety;
      return callFor(order.ms, order.concurrency, () => client.check(request, { timeoutMs: 10_000 }));
    }
    case 'stream': {
      const client = connect(order.over, order.address).router;
      const read = async () => {
        let count = 0;
        const wanted = router.GenerateRequest.fromPartial({ model: 'paced', maxTokens: order.messages });
        for await (const _ of client.generate(wanted)) count += 1;
        return count;
      };
      const counts = await Promise.all(Array.from({ length: order.concurrency }, read));
      return counts.reduce((sum, count) => sum + count, 0);
    }
    case 'stall': {
      const client = connect('link', order.address);
      const wanted = router.GenerateRequest.fromPartial({ model: 'large', maxTokens: 100_000 });
      let alone = await callFor(order.ms, 8, () => client.safety.check(request));
      let beside: CallFigures | undefined;
      // In turns, and the quietest of each: the machine's own noise is larger than what is looked for.
      for (let round = 0; round < 3; round += 1) {
        const unread = client.router.generate(wanted)[Symbol.asyncIterator]();
        await unread.next();
        const crowded = await callFor(order.ms, 8, () => client.safety.check(request));
        await unread.return?.();
        const quiet = await callFor(order.ms, 8, () => client.safety.check(request));
        if (beside === undefined || crowded.p99 < beside.p99) beside = crowded;
        if (quiet.p99 < alone.p99) alone = quiet;
      }
      return { alone, beside };
    }
    case 'crowd':
      return crowd(connect('link', order.address), order.calls);
  }
}

/** Microseconds of CPU for a call and for a streamed message within one process, the best of five rounds. */
async function withinProcess(): Promise<{ call: number; message: number }> {
  const network = createMemoryNetwork();
  serve(network);
  const toSafety = network.client(safety.SafetyDefinition);
  const toRouter = network.client(router.RouterDefinition);
  const wanted = router.GenerateRequest.fromPartial({ model: 'burst', maxTokens: 50_000 });
  const best = { call: Infinity, message: Infinity };
  for (let round = 0; round < 5; round += 1) {
    const start = process.cpuUsage();
    for (let index = 0; index < 50_000; index += 1) await toSafety.check(request, { timeoutMs: 1_000 });
    const called = process.cpuUsage(start);
    best.call = Math.min(best.call, (called.user + called.system) / 50_000);
    const next = process.cpuUsage();
    for await (const _ of toRouter.generate(wanted));
    const streamed = process.cpuUsage(next);
    best.message = Math.min(best.message, (streamed.user + streamed.system) / 50_000);
  }
  await network.close();
  return best;
}

async function crowd(client: Clients, calls: number): Promise<Crowd> {
  const before = process.memoryUsage().rss;
  const leave = new AbortController();
  const hold = safety.GuardRequest.fromPartial({ ...request, text: 'hold' });
  const unread = router.GenerateRequest.fromPartial({ model: 'medium', maxTokens: 100_000 });
  const held: Promise<string>[] = [];
  const streams: AsyncIterator<unknown>[] = [];
  for (let index = 0; index < calls / 2; index += 1) {
    held.push(client.safety.guard(hold, { signal: leave.signal }).then(() => 'ok', codeOf));
    streams.push(client.router.generate(unread, { signal: leave.signal })[Symbol.asyncIterator]());
  }
  await Promise.all(streams.map((stream) => stream.next()));
  // Frames keep their order on a link: when this one is answered, all before it have begun.
  await client.safety.check(request);
  const grown = process.memoryUsage().rss - before;
  leave.abort();
  const codes = [...(await Promise.all(held)), ...(await Promise.all(streams.map(drained)))];
  return { grown, ended: codes.filter((code) => code === 'cancelled').length };
}

/** Reads what has come, and returns how the stream ended. */
async function drained(stream: AsyncIterator<unknown>): Promise<string> {
  try {
    while (!(await stream.next()).done);
    return 'ok';
  } catch (error) {
    return codeOf(error);
  }
}

const codeOf = (error: unknown) => (error as { code: string }).code;

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  obey(order).then(
    (result) => process.send!({ id, result }),
    (error: unknown) => process.send!({ id, error: String(error) }),
  );
});

// In order, so that --cpu-prof writes its file.
process.on('disconnect', () => process.exit(0));
