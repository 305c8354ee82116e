import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { link, safety } from '@flotilla/contracts';
import { systemClock, type Clock } from '@flotilla/kernel';
import fc from 'fast-check';
import { BatchWriter } from './batch-writer.ts';
import { BatchSplitter, framed, preface, signOfLife } from './link-wire.ts';
import { createMeshNetwork, type MeshNetwork } from './mesh-network.ts';
import { guard, safetyThat } from './suite-services.ts';

const hurriedClock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 20, run) };

/** A call of Guard as it lies on the wire. */
function call(text: string): Buffer {
  const writer = new BatchWriter();
  const fields = { method: '/flotilla.safety.v1.Safety/Guard', methodId: 0, timeoutMs: 5_000, traceparent: '' };
  writer.start(1, { ...fields, metadata: undefined, initialCredit: 0 }, safety.GuardRequest, guard(text));
  return framed(writer.take());
}

describe('batches on a connection', () => {
  it('come out whole and in order however the bytes are cut', () => {
    const batches = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
    fc.assert(
      fc.property(batches, fc.array(fc.nat(40), { minLength: 1, maxLength: 60 }), (sent, cuts) => {
        const wire = Buffer.concat([preface, ...sent.map(framed)]);
        const seen: (Uint8Array | 'preface')[] = [];
        const splitter = new BatchSplitter(300, {
          onPreface: () => seen.push('preface'),
          onBatch: (batch) => seen.push(Uint8Array.from(batch)),
        });
        for (let at = 0, turn = 0; at < wire.length; turn += 1) {
          const until = at + 1 + cuts[turn % cuts.length]!;
          splitter.push(wire.subarray(at, until));
          at = until;
        }
        expect(seen).toEqual(['preface', ...sent]);
      }),
    );
  });

  it('are refused when they are too large or of another protocol', () => {
    const nobody = { onPreface: () => undefined, onBatch: () => undefined };
    const splitter = new BatchSplitter(10, nobody);
    splitter.push(preface);
    expect(() => splitter.push(framed(new Uint8Array(11)))).toThrow('too large');
    const other = Buffer.from('flotilla-link/2\n');
    expect(() => new BatchSplitter(10, nobody).push(other)).toThrow('does not speak link/1');
  });
});

describe('the port of a process', () => {
  const open: MeshNetwork[] = [];
  afterEach(() => Promise.all(open.splice(0).map((network) => network.close())));

  async function serve(clock?: Clock): Promise<MeshNetwork> {
    const server = createMeshNetwork({ listen: '127.0.0.1:0', ...(clock && { clock }) });
    server.serve(
      safety.SafetyDefinition,
      safetyThat(async ({ text }) => ({ release: text })),
    );
    await server.listen();
    open.push(server);
    return server;
  }

  /** Sends the pieces one by one and returns what came back until the server hung up or `enough` bytes were there. */
  function converse(address: string, pieces: Uint8Array[], enough = Infinity): Promise<Buffer> {
    const { hostname, port } = new URL(`http://${address}`);
    return new Promise((resolve, reject) => {
      let said = Buffer.alloc(0);
      const socket = connect({ port: Number(port), host: hostname, noDelay: true });
      const next = () => {
        const piece = pieces.shift();
        if (piece) socket.write(piece, () => setTimeout(next, 5));
      };
      socket.once('connect', next);
      socket.on('data', (chunk) => {
        said = Buffer.concat([said, chunk]);
        if (said.length >= enough) socket.end();
      });
      socket.once('error', reject);
      socket.once('close', () => resolve(said));
    });
  }

  it('takes a link whose first bytes come one by one, and answers a sign of life', async () => {
    const server = await serve();
    const bytes = Buffer.concat([preface, signOfLife, call('hello')]);
    const pieces = Array.from({ length: 12 }, (_, index) => bytes.subarray(index, index + 1));
    const answer = await converse(server.address(), [...pieces, bytes.subarray(12)], 35);
    const batches: link.Batch[] = [];
    const onBatch = (batch: Uint8Array) => void batches.push(link.Batch.decode(batch));
    new BatchSplitter(1_000, { onPreface: () => undefined, onBatch }).push(answer);
    expect(batches[0]).toEqual({ frames: [] });
    const { kind } = batches[1]!.frames[0]!;
    const message = kind?.$case === 'message' ? kind.value : new Uint8Array();
    expect(safety.GuardResponse.decode(message).release).toBe('hello');
  });

  it('says why it hangs up on a peer that does not speak the protocol, and serves the others', async () => {
    const server = await serve();
    const garbled = await converse(server.address(), [preface, framed(Buffer.from('this is no batch'))]);
    expect(garbled.subarray(0, preface.length)).toEqual(preface);
    expect(garbled.toString()).toContain('The batch is not valid.');
    await converse(server.address(), [Buffer.from('f-something else entirely')]);
    await converse(server.address(), [Buffer.from('GET / HTTP/1.1\r\n\r\n')]);
    const network = createMeshNetwork({ peers: { safety: server.address() } });
    open.push(network);
    expect((await network.client(safety.SafetyDefinition).guard(guard('x'))).release).toBe('x');
  });

  it('does not keep a connection that says nothing', async () => {
    const server = await serve(hurriedClock);
    expect(await converse(server.address(), [])).toHaveLength(0);
    expect(await converse(server.address(), [preface.subarray(0, 4)])).toHaveLength(0);
  });
});
