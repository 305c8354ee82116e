import { createHash } from 'node:crypto';
import type { router } from '@flotilla/contracts';
import type { ExperimentConfig } from '@flotilla/kernel';

type Arm = ExperimentConfig['arms'][number];

/** Whether it takes part in requests now. `now`: milliseconds since 1970. */
export function runs({ from, until }: { from?: string | undefined; until?: string | undefined }, now: number): boolean {
  return (from === undefined || Date.parse(from) <= now) && (until === undefined || now < Date.parse(until));
}

/** Whom the request is counted with. Names of users and conversations mean something within their organisation only. */
export function unitOf(unit: ExperimentConfig['unit'], request: router.GenerateRequest): string {
  const { orgId = '', userId = '', keyId = '', requestId = '' } = request.caller ?? {};
  const named = { org: orgId, user: userId || keyId, conversation: request.conversationId }[unit];
  if (unit === 'org' && named !== '') return orgId;
  return named === '' ? `request ${requestId}` : `${orgId} ${named}`;
}

/**
 * The unit's place in [0, 1): the same on every router and after every restart, and another in every experiment, so that
 * who is in the small arm of one is not in that of all.
 */
export function placeOf(experiment: string, unit: string): number {
  const hash = createHash('sha256').update(`${experiment}\0${unit}`).digest();
  return hash.readUIntBE(0, 6) / 2 ** 48;
}

/** The arm that the place falls to. When weights change only the units between the old and the new bounds move. */
export function armAt(arms: readonly Arm[], place: number): Arm {
  let left = place * arms.reduce((sum, arm) => sum + arm.weight, 0);
  for (const arm of arms) if ((left -= arm.weight) < 0) return arm;
  return arms.findLast((arm) => arm.weight > 0)!;
}
