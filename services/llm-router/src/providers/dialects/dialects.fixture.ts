import { anthropic } from './anthropic.fixture.ts';
import type { Dialect } from './dialect.fixture.ts';
import { ollama } from './ollama.fixture.ts';
import { openAi } from './openai.fixture.ts';
import { runpodJobs, runpodOpenAi } from './runpod.fixture.ts';

/** Every way in which engines are spoken to. */
export const dialects: readonly Dialect[] = [
  openAi('vllm'),
  openAi('openai'),
  {
    ...openAi('openrouter'),
    suffix: '/api/v1',
    generatePath: '/api/v1/chat/completions',
    embedPath: '/api/v1/embeddings',
    listPath: '/api/v1/models',
  },
  ollama,
  runpodOpenAi,
  runpodJobs,
  anthropic,
];
