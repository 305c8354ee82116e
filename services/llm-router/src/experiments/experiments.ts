import type { Clock, ErrorCode, ExperimentConfig, PlatformFile } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { AnswerOutcome } from '../generation/generation-record.ts';
import type { Plan, PlanStep } from '../generation/plan.ts';
import type { Resolution } from '../registry/registry.ts';
import { armAt, placeOf, runs, unitOf } from './assignment.ts';
import { Canary } from './canary.ts';
import { armFirstToken, armRequests, armTokens, canaryStopped } from './metrics.ts';

const log = logger('llm-router');

/** What is wrong with a request, not with who answers it. */
const ofTheRequest: readonly ErrorCode[] = [
  'cancelled',
  'invalid_request',
  'content_filter',
  'context_length_exceeded',
  'err_payload_too_large',
];

export interface ExperimentParts {
  /** What is in force: it is another object after every change. */
  readonly file: () => Pick<PlatformFile, 'experiments'>;
  readonly find: (model: string) => Resolution | undefined;
  readonly clock: Clock;
}

/** An experiment and, for as long as its definition stays the same, what its canary did. */
interface Running {
  readonly config: ExperimentConfig;
  readonly definition: string;
  readonly canary: Canary | undefined;
}

/** Gives requests for a model to the arms of an experiment, and holds a canary against its control. What it counts is this router's own. */
export class Experiments implements PlanStep {
  readonly #parts: ExperimentParts;
  #read: readonly ExperimentConfig[] = [];
  /** By name; as many as the file has. */
  #running = new Map<string, Running>();
  #byModel = new Map<string, Running[]>();

  constructor(parts: ExperimentParts) {
    this.#parts = parts;
  }

  prepare(plan: Plan): Plan {
    this.#refresh();
    const running = this.#byModel.get(plan.resolution.name)?.find((one) => this.#takes(one, plan));
    if (!running) return plan;
    const { config, canary } = running;
    const drawn = armAt(config.arms, placeOf(config.name, unitOf(config.unit, plan.request)));
    const stands = canary?.stopped !== undefined && drawn.name === config.canary!.arm;
    const arm = stands ? config.arms.find(({ name }) => name === config.canary!.control)! : drawn;
    const resolution = arm.model === undefined ? plan.resolution : this.#parts.find(arm.model);
    if (!resolution) {
      armRequests.add(1, { experiment: config.name, arm: arm.name, outcome: 'no_model' });
      return plan;
    }
    return { ...plan, resolution, routing: { ...plan.routing, experiment: config.name, arm: arm.name } };
  }

  /** Takes note of an answer that has ended. */
  ended({ routing: { experiment, arm } }: Plan, { error, failures, firstTokenMs, usage }: AnswerOutcome): void {
    if (experiment === '') return;
    const labels = { experiment, arm };
    const own = error !== undefined && ofTheRequest.includes(error.code);
    const outcome = error ? (own ? 'request_error' : 'error') : failures > 0 ? 'failed_over' : 'ok';
    armRequests.add(1, { ...labels, outcome });
    if (firstTokenMs !== undefined) armFirstToken.record(firstTokenMs / 1_000, labels);
    if (usage) {
      armTokens.add(usage.promptTokens, { ...labels, type: 'input' });
      armTokens.add(usage.completionTokens, { ...labels, type: 'output' });
    }
    const running = this.#running.get(experiment);
    if (own || !running?.canary?.ended(arm, { failed: outcome !== 'ok', firstTokenMs })) return;
    canaryStopped.set(1, { experiment, arm: running.config.canary!.arm });
    const { arm: stopped, control } = running.config.canary!;
    log.warn('an arm was stopped: it does worse than its control, which takes its requests', {
      experiment,
      arm: stopped,
      control,
      reason: running.canary.stopped,
    });
  }

  #takes({ config }: Running, { request }: Plan): boolean {
    return runs(config, this.#parts.clock.now()) && (config.orgs?.includes(request.caller?.orgId ?? '') ?? true);
  }

  #refresh(): void {
    const { experiments } = this.#parts.file();
    if (experiments === this.#read) return;
    this.#read = experiments;
    const before = this.#running;
    this.#running = new Map();
    this.#byModel = new Map();
    for (const config of experiments) {
      const definition = JSON.stringify(config);
      const known = before.get(config.name);
      const running = known?.definition === definition ? known : this.#begun(config, definition);
      this.#running.set(config.name, running);
      for (const model of config.models) this.#byModel.set(model, [...(this.#byModel.get(model) ?? []), running]);
    }
    for (const [name, { config, canary }] of before) {
      const stays = this.#running.get(name)?.canary === canary;
      if (canary?.stopped !== undefined && !stays) canaryStopped.set(0, { experiment: name, arm: config.canary!.arm });
    }
  }

  #begun(config: ExperimentConfig, definition: string): Running {
    return { config, definition, canary: config.canary && new Canary(config.canary, this.#parts.clock) };
  }
}
