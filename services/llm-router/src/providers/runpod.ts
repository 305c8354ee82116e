import { readOpenAiList } from './model-lists.ts';
import { openAiCompatible } from './openai-compatible.ts';
import type { ProviderAdapter } from './provider.ts';
import { RunpodJob } from './runpod-jobs.ts';

const openAi = openAiCompatible();
/** Asked of a worker: it starts one. */
const list = { path: '/openai/v1/models', wakes: true, read: readOpenAiList };

/**
 * RunPod's serverless endpoints with vLLM workers (docs.runpod.io/serverless/vllm), by their OpenAI route: RunPod holds the
 * request while a worker comes up.
 */
export const runpodOpenAi: ProviderAdapter = {
  ...openAi,
  generatePath: '/openai/v1/chat/completions',
  embedPath: '/openai/v1/embeddings',
  list,
};

/** The same by jobs: what a request waits for is known, and one whose client left is cancelled also in the queue. */
export const runpodJobs: ProviderAdapter = {
  ...openAi,
  list,
  converse: (wire, asked, account, receiver) => new RunpodJob(wire, asked, account, receiver),
};
