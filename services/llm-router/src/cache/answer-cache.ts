import { cachePurged, type Bus, type Subscription } from '@flotilla/bus';
import { toFlotillaError, within, type CacheConfig, type Clock, type PlatformFile } from '@flotilla/kernel';
import { LateEvents } from '../generation/late-events.ts';
import type { AnswerLayer, Ask, GenerateEvents, Plan } from '../generation/plan.ts';
import { answerKey, type AnswerKey } from './answer-key.ts';
import { subscribeToPurges } from './cache.events.ts';
import { cacheUse, type CacheKind, type CacheUse } from './cache-use.ts';
import { cacheMetrics } from './cache.metrics.ts';
import { JoinedAnswers } from './joined-answers.ts';
import { isCommon, type KeptAnswer } from './kept-answer.ts';
import type { KeptAnswers, Near } from './kept-answers.ts';
import { placeOf, type EmbedQuestion } from './nearby.ts';
import { questionOf } from './question.ts';
import type { AnswerSelection } from './recent-answers.ts';
import { Recorder } from './recorder.ts';
import { Replay } from './replay.ts';

export interface AnswerCacheParts {
  readonly kept: KeptAnswers;
  /** What is in force now. */
  readonly file: () => PlatformFile;
  readonly embed: EmbedQuestion;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly cacheExactTimeoutMs: number;
  readonly cacheSemanticTimeoutMs: number;
  readonly cacheJoinTimeoutMs: number;
}

/** One request that the cache has to do with. */
interface Asked {
  readonly plan: Plan;
  readonly signal: AbortSignal;
  readonly next: Ask;
  readonly config: CacheConfig;
  readonly use: CacheUse;
  readonly key: AnswerKey;
  readonly orgId: string;
}

const nowhere: Promise<undefined> = Promise.resolve(undefined);

/** Says again what was answered before, to the organisation it was answered to. */
export class AnswerCache implements AnswerLayer {
  readonly #parts: AnswerCacheParts;
  readonly #joined: JoinedAnswers;
  #purges: Subscription | undefined;

  constructor(parts: AnswerCacheParts) {
    this.#parts = parts;
    this.#joined = new JoinedAnswers(parts.clock, parts.cacheJoinTimeoutMs);
  }

  answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents {
    const { cache: config, providers } = this.#parts.file();
    const use = cacheUse(config, plan.request, plan.resolution.name);
    const key = use && answerKey(plan, providers);
    if (!use || !key) return next(plan, signal);
    const asked: Asked = { plan, signal, next, config, use, key, orgId: plan.request.caller!.orgId };
    const known = use.refresh ? undefined : this.#parts.kept.inMemory(asked.orgId, key.exact);
    if (!known) return new LateEvents(() => this.#find(asked));
    cacheMetrics.looked('exact', 'hit');
    return this.#replay(asked, 'exact', known);
  }

  async start(): Promise<void> {
    this.#parts.kept.start();
    this.#purges = await subscribeToPurges(this.#parts.bus, this);
  }

  /** Resolves when what was to be kept is written, or could not be. */
  async stop(): Promise<void> {
    await this.#purges?.close();
    await this.#parts.kept.stop();
  }

  /** Forgets the answers everywhere and says how many they were. An empty field: of all organisations, of all models. */
  async purge({ orgId = '', model = '' }: Partial<AnswerSelection>): Promise<number> {
    const selection = { orgId, model };
    this.forget(selection);
    const count = await this.#parts.kept.purge(selection);
    // What was read meanwhile may have been read before it was deleted.
    this.forget(selection);
    await this.#parts.bus.publish(cachePurged, selection);
    return count;
  }

  /** The answers were purged: forgets what is in memory, and what is on its way there. */
  forget(selection: AnswerSelection): void {
    this.#joined.forget();
    this.#parts.kept.forget(selection);
  }

  async #find(asked: Asked): Promise<GenerateEvents> {
    const { use } = asked;
    const same = use.refresh ? undefined : await this.#same(asked);
    if (same) return this.#replay(asked, 'exact', same);
    const near = use.kind === 'semantic' ? this.#place(asked) : undefined;
    const alike = near && !use.refresh ? await this.#alike(asked, near) : undefined;
    if (alike) return this.#replay(asked, 'semantic', alike);
    // A place that could not be found keeps nobody from the answer to the very same request.
    return this.#ask(asked, near?.catch(() => undefined) ?? nowhere);
  }

  async #same(asked: Asked): Promise<KeptAnswer | undefined> {
    const { plan, orgId, key } = asked;
    const underWay = this.#joined.has(key.exact);
    return (
      (underWay ? await this.#join(asked) : undefined) ??
      (await this.#look('exact', () => this.#parts.kept.exact(orgId, plan.resolution.name, key.exact))) ??
      // Another one may have begun meanwhile; nobody waits twice.
      (underWay ? undefined : await this.#join(asked))
    );
  }

  async #join({ key, signal }: Asked): Promise<KeptAnswer | undefined> {
    const answer = await this.#joined.join(key.exact, signal);
    if (answer) cacheMetrics.looked('exact', 'joined');
    return answer;
  }

  #place({ plan, key, config, signal }: Asked): Promise<Near> | undefined {
    const { request } = plan;
    const question = questionOf(request, config);
    if (question === undefined) return undefined;
    const near = placeOf(question, { key, caller: request.caller, config, embed: this.#parts.embed, signal });
    // It may be waited for by nobody.
    near.catch(() => undefined);
    return near;
  }

  #alike({ orgId, config, use }: Asked, near: Promise<Near>): Promise<KeptAnswer | undefined> {
    const { threshold, max_age_s: maxAge } = config.semantic;
    const keptAfter = this.#parts.clock.now() - Math.min(maxAge * 1_000, use.ttlMs);
    return this.#look('semantic', async () =>
      this.#parts.kept.nearest({ orgId, ...(await near), threshold, keptAfter }),
    );
  }

  /** A store that is late or away is as good as an empty one. */
  async #look(kind: CacheKind, find: () => Promise<KeptAnswer | undefined>): Promise<KeptAnswer | undefined> {
    const { clock, cacheExactTimeoutMs, cacheSemanticTimeoutMs } = this.#parts;
    const started = clock.monotonic();
    try {
      const found = await within(clock, kind === 'exact' ? cacheExactTimeoutMs : cacheSemanticTimeoutMs, find());
      cacheMetrics.looked(kind, found ? 'hit' : 'miss');
      return found;
    } catch (error) {
      cacheMetrics.looked(kind, toFlotillaError(error).code === 'deadline_exceeded' ? 'late' : 'failed');
      return undefined;
    } finally {
      cacheMetrics.took(kind, clock.monotonic() - started);
    }
  }

  #replay({ plan }: Asked, kind: CacheKind, answer: KeptAnswer): GenerateEvents {
    cacheMetrics.saved(kind, answer);
    return new Replay(plan, kind, answer);
  }

  #ask(asked: Asked, near: Promise<Near | undefined>): GenerateEvents {
    const { plan, signal, next, config, key } = asked;
    const since = this.#parts.kept.purges;
    let share: (answer: KeptAnswer | undefined) => void = () => undefined;
    return new Recorder({
      events: next({ ...plan, routing: { ...plan.routing, cache: 'miss' } }, signal),
      maxLength: config.max_entry_bytes,
      onBegin: () => {
        share = this.#joined.lead(key.exact);
      },
      onEnd: (answer, engine) => {
        const own = answer && isOf(plan, engine) ? answer : undefined;
        if (own) this.#keep(asked, own, since, near);
        share(own);
      },
    });
  }

  #keep({ plan, orgId, key, use, config }: Asked, answer: KeptAnswer, since: number, near: Promise<Near | undefined>) {
    const text = JSON.stringify(answer);
    if (Buffer.byteLength(text) > config.max_entry_bytes) return;
    const keptAt = this.#parts.clock.now();
    const row = { orgId, key: key.exact, model: plan.resolution.name, text, keptAt, expiresAt: keptAt + use.ttlMs };
    this.#parts.kept.keep(row, answer, since, isCommon(answer) ? near : nowhere);
  }
}

/** Whether the engine is one of the model itself: what a fallback said is not what the model would say once it is back. */
function isOf({ resolution }: Plan, engine: string): boolean {
  return resolution.routes.some(({ targets }) => targets.some(({ endpoint }) => endpoint.facts.id === engine));
}
