import { ChatLoad } from '@flotilla/testkit';
import type { BenchRow } from '../row.ts';
import type { Installed } from './installed.ts';

const rounds = 3;

/** Every service of the platform is replaced while clients stream, and back again. */
export async function upgrades({ apply, reached, upgrade, url, key }: Installed): Promise<BenchRow[]> {
  await apply('upgraded', {
    ...{ source: { hub: { repo: 'example/upgraded' } }, profiles: [{ name: 'gpu', count: 1 }] },
    ...{ replicas: 2, scaling: { maxReplicas: 2 } },
  });
  await reached('upgraded', { readyReplicas: 2 });
  const load = new ChatLoad({ url, key, model: 'upgraded', clients: 6, tokens: 2_000 });
  for (let round = 0; round < rounds; round += 1) {
    await upgrade({ logLevel: 'warn' });
    await upgrade({});
  }
  const result = await load.end();
  const bad = [...result.refused, ...result.lost];
  return [
    {
      ...{ name: 'fleet: requests refused or lost by upgrades under load', measured: bad.length, unit: '' },
      ...{ target: '0', ok: bad.length === 0 },
      note: `${result.answered + bad.length} requests, ${2 * rounds} upgrades; ${[...new Set(bad)].join('; ') || 'none'}`,
    },
  ];
}
