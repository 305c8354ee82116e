import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  body: any;
  /** The router's port: the same for requests of one connection. */
  connection: number | undefined;
  /** True once the connection took the last byte, or broke. */
  ended: boolean;
  /** True once the router closed the connection before the answer was complete. */
  aborted: boolean;
}

export type Script = (response: ServerResponse, seen: Seen) => void;

export interface FakeEngine {
  readonly url: string;
  readonly port: number;
  readonly seen: Seen[];
  /** What the next requests get. */
  script: Script;
  stop(): Promise<void>;
}

/** An engine that records what it is asked and does what its script says. */
export async function startFakeEngine(script: Script, port = 0): Promise<FakeEngine> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const seen: Seen = {
        path: request.url!,
        headers: request.headers,
        text,
        body: text === '' ? undefined : JSON.parse(text),
        connection: request.socket.remotePort,
        ended: false,
        aborted: false,
      };
      response.on('close', () => {
        seen.ended = true;
        seen.aborted = !response.writableFinished;
      });
      engine.seen.push(seen);
      engine.script(response, seen);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const engine: FakeEngine = {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    seen: [],
    script,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return engine;
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export const sse = (data: unknown) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

export function chunk(choice: Record<string, unknown>, extra: Record<string, unknown> = {}) {
  return { id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, ...choice }], ...extra };
}

export const usageChunk = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } };

/** A whole streamed answer in the manner of vLLM. */
export const answers =
  (...words: string[]): Script =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(sse(chunk({ delta: { role: 'assistant', content: '' }, finish_reason: null })));
    for (const word of words) response.write(sse(chunk({ delta: { content: word }, finish_reason: null })));
    response.write(sse(chunk({ delta: {}, finish_reason: 'stop' })));
    response.end(sse(usageChunk) + sse('[DONE]'));
  };
