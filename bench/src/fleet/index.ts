import type { BenchRow } from '../row.ts';
import { fromZero } from './from-zero.ts';
import { installPlatform } from './installed.ts';
import { podKills } from './pod-kills.ts';
import { upgrades } from './upgrades.ts';

export { manyModels } from './many-models.ts';

/** What users of a cluster notice of the fleet: the platform installed by its chart, with pods as processes. */
export async function benchFleet(): Promise<BenchRow[]> {
  const installed = await installPlatform();
  try {
    return [...(await fromZero(installed)), ...(await podKills(installed)), ...(await upgrades(installed))];
  } finally {
    await installed.stop();
  }
}
