import type { Clock, MirrorConfig, PlatformFile, Random } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { AnswerLayer, Ask, GenerateEvents, Plan } from '../generation/plan.ts';
import type { Resolution } from '../registry/registry.ts';
import { runs } from './assignment.ts';
import { mirrored } from './metrics.ts';

const log = logger('llm-router');

export interface MirrorParts {
  readonly file: () => Pick<PlatformFile, 'mirrors'>;
  readonly find: (model: string) => Resolution | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the service begins to end. */
  readonly draining: AbortSignal;
}

/**
 * Sends a share of the requests to another model too, reads its answer and lets go of it: figures of that model under real
 * prompts, which nobody is billed for. The request itself goes its way untouched and first.
 */
export class Mirror implements AnswerLayer {
  readonly #parts: MirrorParts;
  /** Requests under way, by the mirror's name. */
  readonly #underWay = new Map<string, number>();

  constructor(parts: MirrorParts) {
    this.#parts = parts;
  }

  answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents {
    const { file, clock } = this.#parts;
    const { mirrors } = file();
    // Not before the next turn: by then the request itself is on its way.
    if (mirrors.length > 0)
      for (const mirror of mirrors) if (this.#draws(mirror, plan)) clock.after(0, () => this.#send(mirror, plan, next));
    return next(plan, signal);
  }

  #draws(mirror: MirrorConfig, { request, resolution }: Plan): boolean {
    const { clock, random, draining } = this.#parts;
    return (
      mirror.models.includes(resolution.name) &&
      !mirror.except_orgs.includes(request.caller?.orgId ?? '') &&
      runs(mirror, clock.now()) &&
      !draining.aborted &&
      random.next() < mirror.share
    );
  }

  #send(mirror: MirrorConfig, plan: Plan, next: Ask): void {
    const resolution = this.#parts.find(mirror.to);
    const underWay = this.#underWay.get(mirror.name) ?? 0;
    if (!resolution || underWay >= mirror.max_concurrent || this.#parts.draining.aborted || !idle(resolution)) {
      mirrored.add(1, { mirror: mirror.name, outcome: 'dropped' });
      return;
    }
    this.#underWay.set(mirror.name, underWay + 1);
    void this.#read(mirror, { ...shadowOf(plan, mirror), resolution }, next)
      .then(
        (outcome) => mirrored.add(1, { mirror: mirror.name, outcome }),
        (error: unknown) => {
          mirrored.add(1, { mirror: mirror.name, outcome: 'error' });
          log.debug('a mirrored request failed', { mirror: mirror.name, error });
        },
      )
      .finally(() => this.#underWay.set(mirror.name, this.#underWay.get(mirror.name)! - 1));
  }

  async #read(mirror: MirrorConfig, plan: Plan, next: Ask): Promise<'ok' | 'error'> {
    const ended = new AbortController();
    const timer = this.#parts.clock.after(mirror.timeout_ms, () => ended.abort());
    try {
      let last: string | undefined;
      const signal = AbortSignal.any([ended.signal, this.#parts.draining]);
      for await (const { event } of next(plan, signal)) last = event?.$case;
      return last === 'finished' ? 'ok' : 'error';
    } finally {
      timer.cancel();
    }
  }
}

/** The prompt, and nothing of who sent it. */
function shadowOf(plan: Plan, mirror: MirrorConfig): Plan {
  const { caller } = plan.request;
  const anonymous = caller && { ...caller, orgId: '', userId: '', keyId: '', requestId: `${caller.requestId}-mirror` };
  return {
    ...plan,
    request: { ...plan.request, caller: anonymous, conversationId: '' },
    routing: { ...plan.routing, experiment: mirror.name, arm: 'mirror' },
  };
}

/** Whether an engine of the model could take it at once: mirrored requests wake no model and stand in no queue. */
function idle({ routes }: Resolution): boolean {
  return routes.some(({ targets }) => targets.some(({ endpoint: { facts } }) => facts.ready && facts.waiting === 0));
}
