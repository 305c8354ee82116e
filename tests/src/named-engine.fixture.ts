import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface NamedEngine {
  readonly url: string;
  /** Chats it was asked for. */
  readonly asked: { model: string; headers: Record<string, unknown>; body: Record<string, unknown> }[];
  stop(): Promise<void>;
}

export interface NamedEngineOptions {
  models?: readonly string[];
  /** Answers every chat by 500. */
  fails?: boolean;
  /** Milliseconds between the two halves of an answer. */
  pauseMs?: number;
}

/** An engine that answers with its own name: OpenAI's API under any folder, Ollama's under /api. */
export async function startNamedEngine(
  name: string,
  { models = ['shared/model'], pauseMs = 0, fails = false }: NamedEngineOptions = {},
): Promise<NamedEngine> {
  const asked: NamedEngine['asked'] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const path = request.url!.split('?')[0]!;
      if (request.method === 'GET') return list(path, models, response);
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      asked.push({ model: String(body['model']), headers: request.headers, body });
      if (fails) return response.writeHead(500).end('{}');
      const answer = path === '/api/chat' ? ollamaAnswer : openAiAnswer;
      void answer(name, body['stream'] === true, pauseMs, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function list(path: string, models: readonly string[], response: ServerResponse): void {
  response.setHeader('content-type', 'application/json');
  if (path === '/api/tags') response.end(JSON.stringify({ models: models.map((name) => ({ name })) }));
  else if (path.endsWith('/models')) response.end(JSON.stringify({ data: models.map((id) => ({ id })) }));
  else if (path.endsWith('/health')) response.end(JSON.stringify({ jobs: { inQueue: 0 }, workers: { ready: 1 } }));
  else response.writeHead(404).end('{}');
}

async function openAiAnswer(name: string, stream: boolean, pauseMs: number, response: ServerResponse): Promise<void> {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  if (!stream) {
    await pause(pauseMs);
    const message = { role: 'assistant', content: name };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }], usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const half = Math.ceil(name.length / 2);
  const chunk = (delta: object, finish: string | null) =>
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  chunk({ role: 'assistant', content: name.slice(0, half) }, null);
  await pause(pauseMs);
  chunk({ content: name.slice(half) }, 'stop');
  response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

async function ollamaAnswer(name: string, _stream: boolean, pauseMs: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  await pause(pauseMs);
  const last = { done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 2 };
  response.end(`${JSON.stringify({ message: { role: 'assistant', content: name }, ...last })}\n`);
}
