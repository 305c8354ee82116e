import { createMemoryBus, type Bus } from '@flotilla/bus';
import { chat, router } from '@flotilla/contracts';
import { migrate, type Database } from '@flotilla/database';
import { embed } from '@flotilla/engine-sim';
import { platformFileSchema, type CacheConfig } from '@flotilla/kernel';
import { createFakeClock, type FakeClock } from '@flotilla/testkit';
import { noRouting, type Ask, type GenerateEvents, type Plan } from '../generation/plan.ts';
import type { Resolution } from '../registry/registry.ts';
import { routerMigrations } from '../migrations.ts';
import { AnswerCache } from './answer-cache.ts';
import { PostgresAnswerStore, type DatabaseOfAnswers } from './answer-store.postgres.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { EmbedQuestion } from './nearby.ts';
import { cacheSettings } from './settings.ts';

type Event = NonNullable<router.GenerateEvent['event']>;

/** Empty tables of answers. */
export async function prepareAnswers(database: Database): Promise<void> {
  await migrate(database, routerMigrations);
  await database.query('truncate router.answers');
}

/** A model on one engine. */
export function resolution(name = 'm', { provider = 'p', entry = undefined as object | undefined } = {}): Resolution {
  const targets = [{ model: name, endpoint: { facts: { id: 'engine', provider } } }];
  const routes = [{ weight: 1, targets }];
  return { name, entry, capabilities: ['chat'], routes, fallbacks: [], listed: true } as unknown as Resolution;
}

export interface Asking extends Partial<Omit<router.GenerateRequest, 'messages'>> {
  readonly org?: string;
  readonly tier?: string;
  /** The last message. */
  readonly question?: string;
  readonly system?: string;
  readonly messages?: Partial<chat.Message>[];
  readonly resolution?: Resolution;
}

export function plan({ org = 'acme', tier = 'pro', question = 'hello', system, ...asking }: Asking = {}): Plan {
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: question },
  ];
  const request = router.GenerateRequest.fromPartial({
    ...{ caller: { requestId: 'req_1', orgId: org, tier }, model: 'm', messages, stream: true },
    ...asking,
  });
  return { request, resolution: asking.resolution ?? resolution(request.model), routing: noRouting };
}

/** What engines say; a text stands for a streamed answer of its words. */
export type Script = (plan: Plan, signal: AbortSignal) => Event[] | GenerateEvents;

export const answerer = (endpoint = 'engine'): Event => ({
  $case: 'answerer',
  value: chat.Answerer.fromPartial({ model: 'm', provider: 'p', endpoint, systemFingerprint: 'fp' }),
});
export const pieces = (...choices: Partial<chat.Choice>[]): Event => ({
  $case: 'choices',
  value: router.Choices.fromPartial({ choices }),
});
export const finished = (promptTokens = 7, completionTokens = 2): Event => ({
  $case: 'finished',
  value: { usage: { promptTokens, completionTokens, cachedTokens: 0, estimated: false } },
});

/** A streamed answer, word by word. */
export function says(text: string, finishReason = 'stop'): Event[] {
  const words = text.split(/(?= )/).map((content) => ({ content }));
  return [answerer(), pieces({ role: 'assistant' }), pieces(...words), pieces({ finishReason }), finished()];
}

/** Engines tell the routing of the plan they are asked by. */
export async function* eventsOf(
  events: readonly Event[],
  { routing }: Pick<Plan, 'routing'> = { routing: noRouting },
): AsyncGenerator<router.GenerateEvent, undefined> {
  for (const event of events) {
    yield { event: event.$case === 'answerer' ? { ...event, value: { ...event.value, routing } } : event };
  }
  return undefined;
}

export interface Bench {
  readonly cache: AnswerCache;
  readonly kept: KeptAnswers;
  readonly bus: Bus;
  readonly clock: FakeClock;
  /** What reached an engine. */
  readonly asked: Plan[];
  /** What engines say from now on. */
  script: Script;
  config: CacheConfig;
  embed: EmbedQuestion;
  begin(asking?: Asking, signal?: AbortSignal): GenerateEvents;
  ask(asking?: Asking): Promise<Said>;
  stop(): Promise<void>;
}

export interface Said {
  readonly text: string;
  /** `routing.cache` of the answer. */
  readonly cache: string;
  readonly events: Event[];
}

export const configured = (cache: object): CacheConfig => platformFileSchema.parse({ cache }).cache;

/** What the simulator would say. */
export const simulated: EmbedQuestion = async ({ text }) => ({ model: 'sim-embed', vector: [...embed(text)] });

/** The cache over engines that say what the script says. */
export async function startBench(
  database: DatabaseOfAnswers,
  { cache = { allow: ['exact', 'semantic'], default: 'exact' } as object, bus = createMemoryBus(), settings = {} } = {},
): Promise<Bench> {
  const clock = createFakeClock();
  const defaults = Object.fromEntries(
    Object.entries(cacheSettings).map(([name, setting]) => [name, setting.parse(undefined)]),
  );
  const config = { ...(defaults as Record<keyof typeof cacheSettings, number>), ...settings };
  const store = new PostgresAnswerStore(database, clock);
  const maxPerOrg = () => bench.config.max_entries_per_org;
  const kept = new KeptAnswers({ ...config, store, clock, maxPerOrg });
  const file = platformFileSchema.parse({});
  const answers = new AnswerCache({
    ...{ ...config, kept, bus, clock },
    file: () => ({ ...file, cache: bench.config }),
    embed: (question, signal) => bench.embed(question, signal),
  });
  const next: Ask = (asked, signal) => {
    bench.asked.push(asked);
    const events = bench.script(asked, signal);
    return Array.isArray(events) ? eventsOf(events, asked) : events;
  };
  const bench: Bench = {
    ...{ cache: answers, kept, bus, clock, asked: [] },
    script: () => says('well met, traveller'),
    config: configured(cache),
    embed: simulated,
    begin: (asking = {}, signal = new AbortController().signal) => answers.answer(plan(asking), signal, next),
    async ask(asking) {
      const events: Event[] = [];
      for await (const { event } of bench.begin(asking)) events.push(event!);
      return said(events);
    },
    stop: () => answers.stop(),
  };
  await answers.start();
  return bench;
}

export function said(events: Event[]): Said {
  const choices = events.flatMap((event) => (event.$case === 'choices' ? event.value.choices : []));
  const first = events.find((event) => event.$case === 'answerer')?.value as chat.Answerer | undefined;
  return { text: choices.map(({ content }) => content).join(''), cache: first?.routing?.cache ?? '', events };
}
