import type { Condition } from '@flotilla/kubernetes';
import type { ModelConditionType } from './model.ts';

export interface NewCondition {
  readonly type: ModelConditionType;
  readonly status: Condition['status'];
  /** CamelCase, one word. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/** The conditions as they are now; the time of each is when its status changed last. */
export function conditionsAfter(
  before: readonly Condition[],
  now: readonly NewCondition[],
  at: number,
  generation: number | undefined,
): Condition[] {
  return now.map((condition) => {
    const known = before.find(({ type }) => type === condition.type);
    const same = known?.status === condition.status && known.lastTransitionTime !== undefined;
    return {
      ...condition,
      lastTransitionTime: same ? known.lastTransitionTime! : new Date(at).toISOString(),
      ...(generation !== undefined && { observedGeneration: generation }),
    };
  });
}
