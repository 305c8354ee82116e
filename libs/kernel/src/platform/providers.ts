import { z } from 'zod';
import { onDemandSchema, processSchema, servicesSchema } from './process.ts';

const milliseconds = z.number().int().positive().optional();

export const providerKinds = ['vllm', 'openai', 'ollama', 'openrouter', 'runpod', 'anthropic'] as const;

/** Headers that a request cannot do without or that hold a secret: the router sets them itself. */
const ownHeaders = new Set([
  ...['authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'cookie', 'traceparent', 'x-request-id'],
  ...[
    'host',
    'connection',
    'content-length',
    'content-type',
    'transfer-encoding',
    'expect',
    'upgrade',
    'te',
    'trailer',
  ],
  ...['keep-alive', 'accept-encoding'],
]);

const headersSchema = z.record(
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/i, 'is no name of a header')
    .refine((name) => !ownHeaders.has(name.toLowerCase()), 'the router sets this one; a key belongs in api_key_env'),
  z.string().regex(/^[\x20-\x7e]{0,1024}$/, 'is no value of a header: at most 1024 characters of ASCII'),
);

/** What the router says itself: in `body` it would be said twice, or of another model. */
const ownFields = ['model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens'];

/** A character: clients ask for `provider/name` and get the provider's model with this system prompt before theirs. */
const personaSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i),
  /** As the provider calls it. */
  model: z.string().min(1).max(256),
  system_prompt: z.string().min(1).max(32_000),
  description: z.string().max(500).default(''),
});

/** Engines that are spoken to in one way, at one address or under one account. */
export const providerSchema = z
  .strictObject({
    /** What `targets` and `fallbacks` refer to. */
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i),
    kind: z.enum(providerKinds),
    /** With /v1 for servers that speak OpenAI's or Anthropic's API, without for Ollama; for RunPod the endpoint, `…/v2/<id>`. */
    base_url: z.url().optional(),
    /** The environment variable that holds the key. The key itself never stands in the file. */
    api_key_env: z.string().optional(),
    /** Where its engines stand: a rack, a building, an availability zone; `region/zone` says both. Routers of the same zone prefer them, then those of the same region. */
    zone: z.string().min(1).optional(),
    /** Further headers of every request to it. No secrets. */
    headers: headersSchema.optional(),
    /** Further fields of every chat's body; they hold whatever the client asks for, e.g. OpenRouter's `provider`, `models` and `transforms`. */
    body: z
      .record(z.string().min(1), z.unknown())
      .refine((body) => !ownFields.some((field) => field in body), `may not hold ${ownFields.join(', ')}`)
      .optional(),
    /** RunPod: `openai` asks the endpoint as one asks OpenAI; `jobs` sends a job, reads its stream, and cancels it when the client leaves. */
    route: z.enum(['openai', 'jobs']).optional(),
    /** RunPod: the endpoint's id. Stands in place of `base_url`. */
    endpoint_id: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/i)
      .optional(),
    /** RunPod: milliseconds that a worker may take to come up, before the first token is waited for. */
    cold_start_ms: milliseconds,
    /** Ollama: how long a model stays loaded after a request, e.g. `30m`; seconds as a number; `-1` for ever, `0` not at all. */
    keep_alive: z
      .union([z.string().regex(/^-?\d+(\.\d+)?(ms|s|m|h)?$/, 'is no duration such as 30m'), z.number()])
      .optional(),
    /** Which application OpenRouter shows the requests under. */
    app: z.strictObject({ name: z.string().regex(/^[\x20-\x7e]{1,100}$/), url: z.url().optional() }).optional(),
    personas: z
      .array(personaSchema)
      .max(1_000)
      .refine((personas) => new Set(personas.map(({ name }) => name)).size === personas.length, 'two have one name')
      .optional(),
    /** Limits of time in milliseconds; absent ones are the router's settings. */
    timeouts: z
      .strictObject({
        connect_ms: milliseconds,
        first_token_ms: milliseconds,
        idle_ms: milliseconds,
        total_ms: milliseconds,
      })
      .optional(),
    process: processSchema.optional(),
    /** What it runs on demand, one at a time at its one address. Stands in place of `process`. */
    services: servicesSchema.optional(),
    on_demand: onDemandSchema.optional(),
  })
  .superRefine((provider, context) => {
    const only = (field: 'route' | 'endpoint_id' | 'cold_start_ms' | 'keep_alive' | 'app', kind: ProviderKind) => {
      if (provider[field] === undefined || provider.kind === kind) return;
      context.addIssue({ code: 'custom', path: [field], message: `is for providers of kind ${kind} only` });
    };
    only('route', 'runpod');
    only('endpoint_id', 'runpod');
    only('cold_start_ms', 'runpod');
    only('keep_alive', 'ollama');
    only('app', 'openrouter');
    if (provider.process && provider.services)
      context.addIssue({ code: 'custom', path: ['services'], message: 'stands beside "process"; a provider has one' });
    if (provider.kind !== 'runpod' || provider.base_url !== undefined || provider.endpoint_id !== undefined) return;
    context.addIssue({ code: 'custom', path: ['endpoint_id'], message: 'a provider of kind runpod needs one' });
  });

export type ProviderKind = (typeof providerKinds)[number];
export type ProviderConfig = z.infer<typeof providerSchema>;
export type PersonaConfig = z.infer<typeof personaSchema>;

const defaultUrls: Record<Exclude<ProviderKind, 'runpod'>, string> = {
  vllm: 'http://127.0.0.1:8000/v1',
  openai: 'https://api.openai.com/v1',
  openrouter: 'https://openrouter.ai/api/v1',
  ollama: 'http://127.0.0.1:11434',
  anthropic: 'https://api.anthropic.com/v1',
};

/** Where a provider is, never with a slash at the end: with /v1 where it speaks OpenAI's or Anthropic's API, without for Ollama and RunPod. */
export function providerUrl({ kind, base_url: given, endpoint_id: endpoint = '' }: ProviderConfig): string {
  const usual = kind === 'runpod' ? `https://api.runpod.ai/v2/${endpoint}` : defaultUrls[kind];
  const url = (given ?? usual).replace(/\/+$/, '');
  if (kind === 'ollama') return url.replace(/\/v1$/, '');
  return kind === 'runpod' ? url.replace(/\/openai\/v1$/, '') : url;
}
