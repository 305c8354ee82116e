import { rulesChanged, type Bus, type Subscription } from '@flotilla/bus';
import type { Clock, ContentRule, Live, PlatformFile, Timer } from '@flotilla/kernel';
import { sleep, toFlotillaError } from '@flotilla/kernel';
import { counter, gauge, histogram, logger, rpcSeconds } from '@flotilla/telemetry';
import type { ChatBody } from '../chat/chat-body.ts';
import { CompiledRules } from './compiled-rules.ts';
import { everyOrg } from './rule.ts';
import type { Blocked, RuleOutcome } from './rule-set.ts';

export type { Blocked, RuleOutcome } from './rule-set.ts';

/** Says whether the rules of an organisation let something pass. Throws `err_payload_too_large` for more than can be examined. */
export interface RuleBook {
  /** A chat, and what guides add to it. */
  apply(orgId: string, body: ChatBody): RuleOutcome;
  /** Texts that no chat follows from. Undefined: they pass. */
  blocking(orgId: string, texts: readonly string[]): Blocked | undefined;
}

/** Where rules are kept that people edit. */
export interface RuleSource {
  /** The rules of one organisation (`*`: those that hold for all), or without one every rule there is. */
  load(orgId?: string): Promise<readonly ContentRule[]>;
}

export interface ContentRulesOptions {
  file: Live<PlatformFile>;
  /** Absent: the file's rules are all there are. */
  source: RuleSource | undefined;
  bus: Bus;
  clock: Clock;
  /** Characters of a request that are examined at most. */
  textLimit: number;
}

/** An event says at once what changed; this bounds the time when the event is lost. */
const refreshMs = 30_000;
const retryMs = 1_000;
/** Milliseconds the start waits for rules that cannot be read; then the file's rules hold alone until they can. */
const graceMs = 10_000;

const log = logger('gateway.rules');
const applied = counter({
  name: 'flotilla_gateway_rules_applied_total',
  description: 'Chats that a content rule of the kind blocked or guided',
  unit: '{request}',
});
const blocked = applied.bind({ kind: 'block' });
const guided = applied.bind({ kind: 'guide' });
const examination = histogram({
  name: 'flotilla_gateway_rules_examination_seconds',
  description: 'What the content rules took for one chat',
  unit: 's',
  buckets: [0.000_01, 0.000_025, 0.000_05, ...rpcSeconds],
}).bind({});
const unread = gauge({
  name: 'flotilla_gateway_rules_unread',
  description: '1 while the content rules of the database cannot be read: those known last, or the file alone, hold',
}).bind({});

/** The content rules of file and database, held in memory: a chat asks without a turn of the event loop. */
export class ContentRules implements RuleBook {
  readonly #rules: CompiledRules;
  /** Loads run one after another, so that no older one wins over a newer. */
  #loading: Promise<void> = Promise.resolve();
  #loaded = false;
  #ending = false;
  #timer: Timer | undefined;
  #changes: Subscription | undefined;
  #unwatch: (() => void) | undefined;

  constructor(private readonly options: ContentRulesOptions) {
    this.#rules = new CompiledRules(options.file.current.rules);
  }

  /** Resolves when the rules were read, or after 10 s without: the gateway does not listen before that. */
  async start(): Promise<void> {
    const { file, source, bus, clock } = this.options;
    this.#unwatch = file.onChange(({ rules }) => this.#rules.setFile(rules));
    if (!source) return;
    this.#changes = await bus.subscribe(rulesChanged, ({ orgId }) =>
      this.#load(orgId === everyOrg ? undefined : orgId),
    );
    await Promise.race([this.#untilLoaded(), sleep(clock, graceMs)]);
    if (!this.#loaded)
      log.error('the content rules could not be read: the rules of the file hold alone until they can');
  }

  async stop(): Promise<void> {
    this.#ending = true;
    this.#timer?.cancel();
    this.#unwatch?.();
    await this.#changes?.close();
  }

  apply(orgId: string, body: ChatBody): RuleOutcome {
    const set = this.#rules.find(orgId);
    if (!set) return { kind: 'pass', body };
    const { clock, textLimit } = this.options;
    const startedAt = clock.monotonic();
    const outcome = set.apply(body, textLimit);
    examination.record((clock.monotonic() - startedAt) / 1_000);
    if (outcome.kind === 'blocked') blocked.add(1);
    else if (outcome.body !== body) guided.add(1);
    return outcome;
  }

  blocking(orgId: string, texts: readonly string[]): Blocked | undefined {
    const found = this.#rules.find(orgId)?.blocking(texts, this.options.textLimit);
    if (found) blocked.add(1);
    return found;
  }

  async #untilLoaded(): Promise<void> {
    const { clock } = this.options;
    await this.#load();
    while (!this.#loaded && !this.#ending) {
      await sleep(clock, retryMs);
      await this.#load();
    }
    if (!this.#ending) this.#timer = clock.every(refreshMs, () => void this.#load());
  }

  #load(orgId?: string): Promise<void> {
    const loading = this.#loading.then(async () => {
      try {
        this.#rules.setStored(orgId, await this.options.source!.load(orgId));
        this.#loaded ||= orgId === undefined;
        unread.set(0);
      } catch (error) {
        unread.set(1);
        log.warn('the content rules could not be read', { code: toFlotillaError(error).code });
      }
    });
    this.#loading = loading;
    return loading;
  }
}
