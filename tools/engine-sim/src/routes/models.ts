import { z } from 'zod';
import type { Engine } from '../engine.ts';
import type { Exchange } from '../http/exchange.ts';
import { hash32, tokenize } from '../language/tokenizer.ts';
import { parseFields } from './generation.ts';

/** GET /v1/models. `capabilities` is ours: vLLM serves one model and leaves its task unsaid. */
export function listModels(engine: Engine, exchange: Exchange): void {
  const created = Math.floor(engine.clock.now() / 1_000);
  const data = engine.models.list().map(({ name, task, adapter }) => ({
    id: name,
    object: 'model',
    created,
    owned_by: 'vllm',
    root: adapter?.path ?? name,
    parent: adapter?.parent ?? null,
    max_model_len: adapter ? null : engine.maxModelLen,
    permission: [],
    capabilities: task === 'embed' ? ['embeddings'] : ['chat'],
  }));
  exchange.json(200, { object: 'list', data });
}

const adapterRequest = z.object({ lora_name: z.string().min(1), lora_path: z.string().min(1) });

/** POST /v1/load_lora_adapter. */
export function loadAdapter(engine: Engine, exchange: Exchange, body: Record<string, unknown>): void {
  const { lora_name: name, lora_path: path } = parseFields(adapterRequest, body);
  engine.models.loadAdapter(name, path);
  plain(exchange, `Success: LoRA adapter '${name}' added successfully.`);
}

/** POST /v1/unload_lora_adapter. */
export function unloadAdapter(engine: Engine, exchange: Exchange, body: Record<string, unknown>): void {
  const { lora_name: name } = parseFields(adapterRequest.pick({ lora_name: true }), body);
  engine.models.unloadAdapter(name);
  plain(exchange, `Success: LoRA adapter '${name}' removed successfully.`);
}

const tokenizeRequest = z.object({
  prompt: z.string().nullish(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string().nullish() })).nullish(),
});

/** The size of the vocabulary token ids are taken from: that of Llama 3. */
const vocabulary = 128_256;

/** POST /tokenize. */
export function tokenizeText(engine: Engine, exchange: Exchange, body: Record<string, unknown>): void {
  const { prompt, messages } = parseFields(tokenizeRequest, body);
  const text = prompt ?? (messages ?? []).map(({ role, content }) => `<|${role}|>\n${content ?? ''}<|end|>\n`).join('');
  const pieces = tokenize(text);
  exchange.json(200, {
    count: pieces.length,
    max_model_len: engine.maxModelLen,
    tokens: pieces.map((piece) => hash32(piece) % vocabulary),
    token_strs: null,
  });
}

function plain(exchange: Exchange, text: string): void {
  exchange.response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  exchange.response.end(text);
}
