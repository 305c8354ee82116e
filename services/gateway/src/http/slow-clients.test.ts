import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { prometheusText } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { connect, type Socket } from 'node:net';
import { devKey, startPlatform, type Platform } from '../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({
    ...{ headersTimeoutMs: 300, receiveTimeoutMs: 600, headerLimit: 2_048 },
    ...{ maxConnections: 3, maxRequestsPerConnection: 2 },
  });
});
afterAll(() => platform.stop());

const json = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
const head = (length: number) =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${devKey}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

/** A connection, and all it was told. */
function open(text = ''): { socket: Socket; said(): string; closed: Promise<string> } {
  const { port, hostname } = new URL(platform.url);
  let answer = '';
  const socket = connect(Number(port), hostname, () => socket.write(text));
  socket.on('data', (data) => (answer += data.toString()));
  socket.on('error', () => undefined);
  return { socket, said: () => answer, closed: new Promise((resolve) => socket.on('close', () => resolve(answer))) };
}

/** Sends the text a character at a time until the other end has enough. */
async function drip(text: string): Promise<string> {
  const { socket, closed } = open();
  let at = 0;
  const timer = setInterval(() => socket.writable && socket.write(text[at++ % text.length]!), 10);
  const answer = await closed;
  clearInterval(timer);
  return answer;
}

describe('a client that is slow or greedy', () => {
  it('drips its headers: 408', async () => {
    expect(await drip(`GET /healthz HTTP/1.1\r\nx: ${'y'.repeat(5_000)}`)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('drips its body: 408, and no engine hears of it', async () => {
    const { socket, closed } = open(head(10_000));
    const timer = setInterval(() => socket.writable && socket.write(' '), 10);
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(timer);
    expect(platform.behind.chats).toEqual([]);
  });

  it('sends more headers than are taken: 431', async () => {
    expect(await open(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(3_000)}\r\n\r\n`).closed).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it('sends one request after another: its connection ends with the last it may carry', async () => {
    const request = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n';
    const { socket, said, closed } = open(request);
    await until(() => said().includes('"ok"'));
    socket.write(request);
    expect((await closed).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(said().toLowerCase()).toContain('connection: close');
  });

  it('opens more connections than there may be: the last is closed and counted, the others serve', async () => {
    const held = [open(), open(), open()];
    await Promise.all(held.map(({ socket }) => until(() => !socket.connecting)));
    await open().closed;
    expect(prometheusText()).toMatch(/flotilla_gateway_connections_dropped_total [1-9]/);
    held[0]!.socket.write(head(json.length) + json);
    await until(() => held[0]!.said().includes('HTTP/1.1 200'));
    for (const { socket } of held) socket.destroy();
  });
});
