import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { router, safety } from '@flotilla/contracts';
import { FlotillaError, systemClock, type Clock } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { faultyProxy } from './faulty-proxy.fixture.ts';
import { preface } from './link-wire.ts';
import { createMeshNetwork, type MeshNetwork, type MeshNetworkOptions } from './mesh-network.ts';
import { countTo, event, failure, generate, guard, routerThat, safetyThat, texts, tracked } from './suite-services.ts';

/** The machine's clock with its periods fifty times as fast: pings, DNS and waiting take milliseconds. */
const hurriedClock: Clock = { ...systemClock, every: (ms, run) => systemClock.every(ms / 50, run) };

describe('links', () => {
  const open: MeshNetwork[] = [];

  afterEach(async () => {
    for (const network of open.splice(0)) await network.close();
  });

  /** Answers Guard with its own name, after what `before` does. */
  async function serverNamed(name: string, listen = '127.0.0.1:0', before?: () => Promise<void>): Promise<MeshNetwork> {
    const server = createMeshNetwork({ listen });
    server.serve(
      safety.SafetyDefinition,
      safetyThat(async () => {
        await before?.();
        return { release: name };
      }),
    );
    server.serve(
      router.RouterDefinition,
      routerThat(async function* ({ model }) {
        if (model === 'name') yield event(name);
        else yield* countTo(3)(router.GenerateRequest.fromPartial({}), undefined as never);
      }),
    );
    await server.listen();
    open.push(server);
    return server;
  }

  function clientOf(address: string, options: MeshNetworkOptions = {}) {
    const network = createMeshNetwork({ peers: { safety: address, 'flotilla.router.v1.Router': address }, ...options });
    open.push(network);
    return { safety: network.client(safety.SafetyDefinition), router: network.client(router.RouterDefinition) };
  }

  it('take calls again when a killed service comes back', async () => {
    const first = await serverNamed('first');
    const client = clientOf(first.address());
    expect((await client.safety.guard(guard('x'))).release).toBe('first');
    await first.close();
    expect((await failure(client.safety.guard(guard('x'), { timeoutMs: 150 }))).code).toBe('unavailable');
    await serverNamed('second', first.address());
    expect((await client.safety.guard(guard('x'), { timeoutMs: 5_000 })).release).toBe('second');
  });

  it('fail a stream whose service is killed, with what came before it delivered', async () => {
    const server = createMeshNetwork({ listen: '127.0.0.1:0' });
    open.push(server);
    const handled = tracked();
    server.serve(
      router.RouterDefinition,
      routerThat(async function* (_, context) {
        yield event('first');
        await handled.untilAborted(context);
      }),
    );
    await server.listen();
    const client = clientOf(server.address());
    const stream = client.router.generate(generate())[Symbol.asyncIterator]();
    await stream.next();
    await handled.entered;
    await server.close();
    expect((await failure(stream.next())).code).toBe('unavailable');
    await handled.aborted;
  });

  it('repeat an idempotent call whose service is killed, and only such a call', async () => {
    const held = tracked();
    const first = createMeshNetwork({ listen: '127.0.0.1:0' });
    open.push(first);
    first.serve(
      safety.SafetyDefinition,
      safetyThat((_, context) => held.untilAborted(context)),
    );
    const streamed = tracked();
    first.serve(
      router.RouterDefinition,
      routerThat(async function* (_, context) {
        await streamed.untilAborted(context);
      }),
    );
    await first.listen();
    const client = clientOf(first.address());
    const repeated = client.safety.guard(guard('x'), { timeoutMs: 5_000 });
    const once = failure(texts(client.router.generate(generate(), { timeoutMs: 5_000 })));
    await Promise.all([held.entered, streamed.entered]);
    await first.close();
    expect((await once).code).toBe('unavailable');
    await serverNamed('second', first.address());
    expect((await repeated).release).toBe('second');
  });

  it('share calls evenly among replicas', async () => {
    const gate = tracked();
    const replicas = [
      await serverNamed('a', '127.0.0.1:0', () => gate.ended),
      await serverNamed('b', '127.0.0.1:0', () => gate.ended),
    ];
    const client = clientOf('dns:replicas:1', { resolve: async () => replicas.map((server) => server.address()) });
    await Promise.all(Array.from({ length: 4 }, () => texts(client.router.generate(generate()))));
    // Both links stand before the calls that are counted.
    await untilBoth(client.router);
    const calls = Array.from({ length: 40 }, () => client.safety.guard(guard('x')));
    gate.end();
    const names = (await Promise.all(calls)).map(({ release }) => release);
    expect(names.filter((name) => name === 'a').length).toBeGreaterThanOrEqual(15);
    expect(names.filter((name) => name === 'b').length).toBeGreaterThanOrEqual(15);
  });

  it('send no call to a replica that drains, and fail none', async () => {
    const draining = await serverNamed('a');
    const other = await serverNamed('b');
    const client = clientOf('dns:replicas:1', { resolve: async () => [draining.address(), other.address()] });
    const names: string[] = [];
    for (let index = 0; index < 200; index += 1) {
      if (index === 50) await draining.drain(new AbortController().signal);
      const answers = await Promise.all([1, 2, 3, 4].map(() => client.safety.guard(guard('x'))));
      names.push(...answers.map(({ release }) => release));
    }
    expect(names).toHaveLength(800);
    expect(new Set(names.slice(-100))).toEqual(new Set(['b']));
  });

  it('bring the end of what is under way when a replica closes as soon as it has drained', async () => {
    const gate = tracked();
    const server = createMeshNetwork({ listen: '127.0.0.1:0' });
    server.serve(
      router.RouterDefinition,
      routerThat(async function* () {
        yield event('begun');
        await gate.ended;
        for (let i = 0; i < 100; i += 1) yield event('x'.repeat(300));
      }),
    );
    await server.listen();
    const client = clientOf(server.address());
    const streams = Array.from({ length: 10 }, () => client.router.generate(generate())[Symbol.asyncIterator]());
    for (const stream of streams) await stream.next();
    const closed = server.drain(new AbortController().signal).then(() => server.close());
    gate.end();
    for (const stream of streams) expect(await texts({ [Symbol.asyncIterator]: () => stream })).toHaveLength(100);
    await closed;
  });

  it('take a call elsewhere that met a replica as it closed, though it may not be repeated', async () => {
    const closing = await serverNamed('a');
    const other = await serverNamed('b');
    const client = clientOf('dns:replicas:1', { resolve: async () => [closing.address(), other.address()] });
    await untilBoth(client.router);
    const calls = Array.from({ length: 20 }, () => texts(client.router.generate(generate('name'))));
    await closing.drain(new AbortController().signal);
    await closing.close();
    expect((await Promise.all(calls)).flat()).toHaveLength(20);
  });

  it('are closed on a peer that does not hang up, after a time', async () => {
    const server = await serverNamed('a');
    const [host, port] = server.address().split(':');
    const silent = connect({ host, port: Number(port) });
    silent.write(preface);
    await once(silent, 'data');
    const late = AbortSignal.timeout(50);
    await server.drain(late);
    expect(late.aborted).toBe(true);
    silent.destroy();
  });

  it('follow DNS to new addresses and leave those that are gone', async () => {
    const first = await serverNamed('first');
    const second = await serverNamed('second');
    let addresses = [first.address()];
    const client = clientOf('dns:service:1', { clock: hurriedClock, resolve: async () => addresses });
    expect((await client.safety.guard(guard('x'))).release).toBe('first');
    addresses = [second.address()];
    await until(async () => (await client.safety.guard(guard('x'))).release === 'second');
  });

  it('let calls finish on an address that DNS no longer names', async () => {
    const gate = tracked();
    const first = await serverNamed('first', '127.0.0.1:0', async () => {
      gate.enter();
      await gate.ended;
    });
    const second = await serverNamed('second');
    let addresses = [first.address()];
    const client = clientOf('dns:service:1', { clock: hurriedClock, resolve: async () => addresses });
    const underWay = client.safety.guard(guard('x'));
    await gate.entered;
    addresses = [second.address()];
    await until(async () => (await texts(client.router.generate(generate('name'))))[0] === 'second');
    gate.end();
    expect((await underWay).release).toBe('first');
  });

  it('keep the addresses they have while DNS does not answer', async () => {
    const server = await serverNamed('only');
    let broken = false;
    let asked = 0;
    const client = clientOf('dns:service:1', {
      clock: hurriedClock,
      resolve: async () => {
        asked += 1;
        if (broken) throw new Error('SERVFAIL');
        return [server.address()];
      },
    });
    await client.safety.guard(guard('x'));
    broken = true;
    const before = asked;
    await until(async () => asked > before + 2);
    expect((await client.safety.guard(guard('x'))).release).toBe('only');
  });

  it('notice a peer that falls silent without closing its connection', async () => {
    const held = tracked();
    const server = await serverNamed('silent', '127.0.0.1:0', async () => {
      held.enter();
      await held.ended;
    });
    const proxy = await faultyProxy(server.address());
    const client = clientOf(proxy.address, { clock: hurriedClock });
    // Not idempotent, so that it is not tried again.
    expect(await texts(client.router.generate(generate()))).toHaveLength(3);
    const call = failure(client.safety.guard(guard('x'), { timeoutMs: 20_000 }));
    await held.entered;
    proxy.silence();
    expect((await call).code).toBe('unavailable');
    held.end();
    await proxy.close();
  });

  it('refuse a message that is too large and go on', async () => {
    const server = await serverNamed('server');
    const client = clientOf(server.address());
    const tooLarge = guard('x'.repeat((16 << 20) + 1));
    expect((await failure(client.safety.guard(tooLarge))).code).toBe('err_payload_too_large');
    expect((await client.safety.guard(guard('x'))).release).toBe('server');
  });

  it('refuse metadata that is too large, cut long errors, and carry the largest message', async () => {
    const server = createMeshNetwork({ listen: '127.0.0.1:0' });
    open.push(server);
    const long = 'x'.repeat(1 << 20);
    server.serve(
      safety.SafetyDefinition,
      safetyThat(async ({ text }) => {
        if (text === 'fail') throw new FlotillaError('conflict', long, { details: { param: long } });
        return { release: text };
      }),
    );
    await server.listen();
    const client = clientOf(server.address());
    // Two lengths and two tags make up the rest of the 16 MiB.
    const largest = 'x'.repeat((16 << 20) - 5);
    expect((await client.safety.guard(guard(largest))).release === largest).toBe(true);
    const error = await failure(client.safety.guard(guard('fail')));
    expect(error.code).toBe('conflict');
    expect(error.message.length).toBe(64 << 10);
    expect(error.details).toEqual({});
    const metadata = { key: 'x'.repeat(17 << 20) };
    expect((await failure(client.safety.guard(guard('x'), { metadata }))).code).toBe('err_payload_too_large');
    expect((await client.safety.guard(guard('x'))).release).toBe('x');
  });

  it('say that there is no connection when there is none in time', async () => {
    const client = clientOf('127.0.0.1:1');
    const error = await failure(client.safety.guard(guard('x'), { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: 'unavailable', cause: { message: 'no connection to 127.0.0.1:1' } });
  });

  it('say what is wrong with an address that cannot be listened on or called', async () => {
    const server = await serverNamed('first');
    const second = createMeshNetwork({ listen: server.address() });
    open.push(second);
    await expect(second.listen()).rejects.toThrow(`cannot listen on ${server.address()}`);
    expect(() => second.address()).toThrow('does not listen');
    for (const address of ['safety', 'http://safety:7000', 'safety:0', 'safety:99999', '']) {
      expect(() => createMeshNetwork({ peers: { safety: address } })).toThrow('not an address of a peer');
    }
  });

  it('find a peer by the name of a host, whatever its addresses', async () => {
    const server = await serverNamed('by name');
    const client = clientOf(server.address().replace('127.0.0.1', 'localhost'));
    expect((await client.safety.guard(guard('x'))).release).toBe('by name');
  });

  it('call what no peer is named for within the process', async () => {
    const server = await serverNamed('here');
    expect((await server.client(safety.SafetyDefinition).guard(guard('x'))).release).toBe('here');
  });

  it('tell the observer of every call on both sides', async () => {
    const seen: string[] = [];
    const observer = {
      onCall: (method: string, side: string, code: string, seconds: number) => {
        seen.push(`${side} ${method} ${code} ${seconds >= 0 && seconds < 30}`);
      },
    };
    const server = createMeshNetwork({ listen: '127.0.0.1:0', observer });
    open.push(server);
    server.serve(router.RouterDefinition, routerThat(countTo(2)));
    await server.listen();
    const client = clientOf(server.address(), { observer });
    await texts(client.router.generate(generate()));
    await failure(client.safety.guard(guard('x')));
    expect(seen.sort()).toEqual([
      'client /flotilla.router.v1.Router/Generate ok true',
      'client /flotilla.safety.v1.Safety/Guard unavailable true',
      'server /flotilla.router.v1.Router/Generate ok true',
    ]);
  });
});

/** Streams enough at once that each replica with a link gets some. */
async function untilBoth(client: { generate(request: router.GenerateRequest): AsyncIterable<router.GenerateEvent> }) {
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(Array.from({ length: 4 }, () => texts(client.generate(generate()))));
  }
}
