import type { Clock, Random } from '@flotilla/kernel';
import type { Engines } from '../generation/engines.ts';
import type { AnswerLayer, PlanStep } from '../generation/plan.ts';
import type { Registry } from '../registry/registry.ts';
import { Experiments } from './experiments.ts';
import { Mirror } from './mirror.ts';

/** The step that gives requests to arms and the layer that mirrors them, over what the registry holds. */
export function openExperiments({
  registry,
  engines,
  clock,
  random,
}: {
  registry: Registry;
  engines: Engines;
  clock: Clock;
  random: Random;
}): { step: PlanStep; mirror: AnswerLayer } {
  const file = () => registry.file;
  // What an arm or a mirror asks is the operator's choice: also a model for tests.
  const find = (model: string) => registry.find(model, { testing: true });
  const step = new Experiments({ file, find, clock });
  engines.onOutcome = (plan, outcome) => step.ended(plan, outcome);
  return { step, mirror: new Mirror({ file, find, clock, random, draining: engines.draining }) };
}
