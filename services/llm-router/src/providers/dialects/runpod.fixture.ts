import { sendJson, type Script } from '../../fake-engine.fixture.ts';
import type { Dialect } from './dialect.fixture.ts';
import { openAi } from './openai.fixture.ts';

export interface JobScript {
  /** Looks at which it still waits for a worker. */
  queued?: number;
  /** What each look at the stream gives. */
  stream?: readonly (readonly unknown[])[];
  output?: unknown;
  /** Where it ends; undefined: it goes on for ever. */
  ends?: string;
}

/** A RunPod endpoint: hands out jobs `j1`, `j2`, …, and plays the script of each to whoever looks at it. */
export function job({ queued = 0, stream = [], output, ends }: JobScript): Script {
  /** By id: how often each was looked at. */
  const looks = new Map<string, number>();
  return (response, { path }) => {
    if (path.endsWith('/run')) {
      const id = `j${looks.size + 1}`;
      looks.set(id, 0);
      return sendJson(response, { id, status: 'IN_QUEUE' });
    }
    const [action, id] = path.split('/').slice(-2) as [string, string];
    if (action === 'cancel') return sendJson(response, { id, status: 'CANCELLED' });
    const look = looks.get(id)!;
    looks.set(id, look + 1);
    if (look < queued) return sendJson(response, { id, status: 'IN_QUEUE' });
    const pieces = stream[look - queued];
    if (action === 'stream' && pieces) {
      return sendJson(response, { status: 'IN_PROGRESS', stream: pieces.map((piece) => ({ output: piece })) });
    }
    const status = ends ?? 'IN_PROGRESS';
    sendJson(response, action === 'stream' ? { status, stream: [] } : { id, status, output });
  };
}

const openAiRoute = openAi('runpod');
const worker = { kind: 'runpod', cold_start_ms: 20_000 };

export const runpodOpenAi: Dialect = {
  ...openAiRoute,
  name: 'runpod (OpenAI route)',
  provider: { ...worker, route: 'openai' },
  suffix: '/v2/abc',
  generatePath: '/v2/abc/openai/v1/chat/completions',
  embedPath: '/v2/abc/openai/v1/embeddings',
  listPath: '/v2/abc/openai/v1/models',
};

export const runpodJobs: Dialect = {
  ...runpodOpenAi,
  name: 'runpod (jobs)',
  provider: { ...worker, route: 'jobs' },
  generatePath: '/v2/abc/run',
  embedPath: '/v2/abc/run',
  asked: ({ body }) => body.input.openai_input,
  streams: (pieces, holds = false) =>
    job({ stream: pieces.map((piece) => [piece]), ...(!holds && { ends: 'COMPLETED' }) }),
  answers: (body) => job({ output: [body], ends: 'COMPLETED' }),
  left: (seen) => seen.at(-1)!.path === '/v2/abc/cancel/j1',
};
