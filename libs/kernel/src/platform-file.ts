import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { systemClock, type Clock } from './clock.ts';

const provider = z.strictObject({
  /** What `targets` and `fallbacks` refer to. */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i),
  kind: z.enum(['vllm', 'openai', 'ollama', 'openrouter']),
  /** With /v1 for OpenAI-compatible servers, without for Ollama. */
  base_url: z.url().optional(),
  /** The environment variable that holds the key. The key itself never stands in the file. */
  api_key_env: z.string().optional(),
  /** Where its engines stand: a rack, a building, an availability zone. Routers of the same zone prefer them. */
  zone: z.string().min(1).optional(),
  /** A local process the fleet controller may start and stop. Without it the provider is only probed. */
  process: z
    .strictObject({
      command: z.array(z.string()).min(1),
      env: z.record(z.string(), z.string()).default({}),
      /** Milliseconds until it must answer its probe. */
      start_timeout_ms: z.number().int().positive().default(120_000),
      /** Start it with the platform. False: when asked to. */
      autostart: z.boolean().default(true),
    })
    .optional(),
});

const model = z.strictObject({
  /** What clients ask for. */
  name: z.string().min(1),
  targets: z
    .array(
      z.strictObject({ provider: z.string(), model: z.string().optional(), weight: z.number().positive().default(1) }),
    )
    .min(1),
  /** `provider/model`, tried in order when no target answers. */
  fallbacks: z.array(z.string()).default([]),
  capabilities: z.array(z.string()).default(['chat']),
  /** Tokens; unknown when absent. */
  context_window: z.number().int().positive().optional(),
  /** USD per million tokens. */
  price: z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() }).optional(),
});

const whole = z.number().int().positive();

/** What one key, user or organisation may use; absent: no limit of that kind. Days, weeks (from Monday) and months are those of UTC. */
export const limitSetSchema = z.strictObject({
  requests_per_minute: whole.optional(),
  requests_per_day: whole.optional(),
  tokens_per_minute: whole.optional(),
  tokens_per_week: whole.optional(),
  tokens_per_month: whole.optional(),
  concurrent_requests: whole.optional(),
  budget_usd_per_month: z.number().positive().optional(),
});

/** Its own limits hold for each key; `user` and `org` for those the key belongs to. */
export const tierSchema = limitSetSchema.extend({
  /** Output tokens reserved for a request that names no maximum. */
  default_max_tokens: whole.default(4096),
  /**
   * `strict`: every request is decided by the limiter, and nothing is used that was not reserved. `lease`: gateways take
   * requests and tokens in advance and decide by themselves; less exact by what they hold, and a hop less.
   */
  mode: z.enum(['strict', 'lease']).default('strict'),
  /** Under overload batch goes first. */
  priority: z.enum(['interactive', 'batch']).default('interactive'),
  user: limitSetSchema.optional(),
  org: limitSetSchema.optional(),
});

/** There without being named; a tier of the same name in the file stands in place of it, as a whole. */
const standardTiers = {
  free: { requests_per_minute: 20, tokens_per_minute: 100_000, tokens_per_week: 1_000_000, default_max_tokens: 1_024 },
  pro: {
    mode: 'lease',
    requests_per_minute: 600,
    tokens_per_minute: 1_000_000,
    org: { tokens_per_month: 1_000_000_000 },
  },
  enterprise: { mode: 'lease', requests_per_minute: 6_000, tokens_per_minute: 10_000_000 },
} as const;

/** A content rule. `pattern` is a regular expression of RE2's kind: linear in the length of the text. */
export const ruleSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i),
  /** `*`: every organisation. */
  org: z.string().min(1).default('*'),
  /** `block`: the answer is `message`. `guide`: `message` is added to the system prompt. */
  kind: z.enum(['block', 'guide']),
  pattern: z.string().min(1).max(1_000),
  message: z.string().min(1).max(4_000),
  enabled: z.boolean().default(true),
});

/** Who may issue tokens for us. Exactly one of `jwks_url` and `secret_env`. */
const issuer = z.strictObject({
  issuer: z.string().min(1),
  audience: z.string().min(1),
  jwks_url: z.url().optional(),
  /** The environment variable that holds the shared secret (HS256). */
  secret_env: z.string().optional(),
  /** Claims that say for whom a token speaks. */
  org_claim: z.string().default('org_id'),
  tier_claim: z.string().default('tier'),
  /** Organisations it may speak for; absent: all. */
  orgs: z.array(z.string().min(1)).min(1).optional(),
  /** The most that its tokens may be allowed to. */
  scopes: z
    .array(z.enum(['inference', 'files', 'usage', 'org-admin', 'admin']))
    .default(['inference', 'files', 'usage']),
  /** Seconds by which clocks may differ. */
  clock_skew_s: z.number().nonnegative().default(60),
});

/** Another gateway of this platform, elsewhere. */
const peerRegion = z.strictObject({ name: z.string().min(1), url: z.url() });

/** The platform's configuration file. Every section may be absent; unknown fields are refused by name. */
export const platformFileSchema = z.strictObject({
  providers: z.array(provider).default([]),
  default_provider: z.string().optional(),
  models: z.array(model).default([]),
  tiers: z
    .record(z.string(), tierSchema)
    .prefault({})
    .transform((tiers) => ({ ...z.record(z.string(), tierSchema).parse(standardTiers), ...tiers })),
  rules: z.array(ruleSchema).default([]),
  auth: z.strictObject({ jwt: z.array(issuer).default([]) }).prefault({}),
  /** Where this platform runs, and where else one does that takes its requests when it answers sooner. */
  regions: z.strictObject({ peers: z.array(peerRegion).default([]) }).prefault({}),
  safety: z
    .strictObject({
      /** Rule packs that are on. */
      packs: z.array(z.string()).default(['baseline']),
      /** What happens to a request whose safety check does not answer in time: `open` lets it pass (and says so), `closed` refuses it. */
      on_timeout: z.enum(['open', 'closed']).default('open'),
    })
    .prefault({}),
});

export type PlatformFile = z.infer<typeof platformFileSchema>;
export type ProviderConfig = PlatformFile['providers'][number];
export type ModelConfig = PlatformFile['models'][number];
export type LimitSet = z.infer<typeof limitSetSchema>;
export type TierConfig = z.infer<typeof tierSchema>;
export type ContentRule = z.infer<typeof ruleSchema>;
export type IssuerConfig = PlatformFile['auth']['jwt'][number];

/** Parses the file's text. Throws one error that names every field that is wrong. */
export function parsePlatformFile(text: string, filename = 'the configuration file'): PlatformFile {
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (cause) {
    throw new Error(`${filename} is not valid YAML: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const result = platformFileSchema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(
    `${filename} is not valid:\n  ${result.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`).join('\n  ')}`,
  );
}

/** A value that can change while the process runs. */
export interface Live<T> {
  readonly current: T;
  /** Calls back after each change. Returns the way to stop. */
  onChange(listener: (value: T) => void): () => void;
}

/** A Live that its owner sets. */
export function liveValue<T>(initial: T): Live<T> & { set(value: T): void } {
  const listeners = new Set<(value: T) => void>();
  let current = initial;
  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(value) {
      current = value;
      for (const listener of listeners) listener(value);
    },
  };
}

export interface WatchedFile extends Live<PlatformFile> {
  /** Why the file on disk is not in force; undefined when it is. */
  readonly problem: string | undefined;
  close(): void;
}

export interface WatchOptions {
  clock?: Clock;
  /** Milliseconds between two looks. */
  intervalMs?: number;
  /** Told why a change was refused. */
  onProblem?: (problem: string) => void;
}

/**
 * Reads the file and follows its changes (by time and size, every `intervalMs`; mounted config maps swap links, which
 * file events miss). A broken file never replaces a good one: the last good one stays and `problem` says why.
 * The first read throws.
 */
export function watchPlatformFile(
  path: string,
  { clock = systemClock, intervalMs = 1_000, onProblem }: WatchOptions = {},
): WatchedFile {
  const live = liveValue(parsePlatformFile(readFileSync(path, 'utf8'), path));
  let seen = stamp(path);
  let problem: string | undefined;
  const timer = clock.every(intervalMs, () => {
    const now = stamp(path);
    if (now === seen) return;
    seen = now;
    try {
      live.set(parsePlatformFile(readFileSync(path, 'utf8'), path));
      problem = undefined;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      onProblem?.(problem);
    }
  });
  return {
    get current() {
      return live.current;
    },
    get problem() {
      return problem;
    },
    onChange: live.onChange,
    close: () => timer.cancel(),
  };
}

function stamp(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs}:${size}:${ino}`;
  } catch {
    return 'absent';
  }
}
