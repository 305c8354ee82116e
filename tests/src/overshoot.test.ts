import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { describeWith, until } from '@flotilla/testkit';
import { startGateways, type Patience } from './gateways.fixture.ts';

type Mode = 'strict' | 'lease';
type Gateways = Awaited<ReturnType<typeof startGateways>>;

const patient: Patience = { redisMs: 5_000, limiterMs: 10_000 };
const gatewayCount = 3;
const workers = 24;
/** Refusals in a row after which a worker believes that nothing is left. */
const enough = 6;

const tier = (mode: Mode, limits: Record<string, number>) =>
  `tiers: { dev: ${JSON.stringify({ mode, default_max_tokens: 100, ...limits })} }`;

interface Row {
  mode: Mode;
  scenario: string;
  admitted: number;
  limit: number;
  used: number;
  overshoot: number;
  mostInLeases: number;
}
const table: Row[] = [];

function report(mode: Mode, scenario: string, gateways: Gateways, used: number, limit: number): Row {
  const { engine, leases } = gateways;
  const overshoot = Math.max(0, used - limit);
  const row = { mode, scenario, admitted: engine.answers, limit, used, overshoot, mostInLeases: leases.most };
  table.push(row);
  return row;
}

/** Asks from all sides until nobody is let in any more, or `most` requests were answered. Returns how many had each status. */
async function flood(gateways: Gateways, most = Infinity): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let asked = 0;
  const work = async (worker: number) => {
    for (let refused = 0; refused < enough && asked < most;) {
      asked += 1;
      const content = 'Where is the fleet? '.repeat(1 + (asked % 7));
      const maximum = asked % 3 === 0 ? {} : { max_tokens: 20 + (asked % 50) };
      const status = await gateways.ask(worker, { messages: [{ role: 'user', content }], ...maximum });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      refused = status === 429 ? refused + 1 : 0;
      if (status === 429) await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return statuses;
}

const only = (statuses: Map<number, number>) => [...statuses.keys()].sort();

describeWith(['redis-server'], 'what three gateways let pass beyond a limit', () => {
  let database: Database;
  let gateways: Gateways;
  beforeAll(async () => {
    database = await openDatabase('pglite://memory');
  });
  const start = async (yaml: string, patience = patient) => {
    gateways = await startGateways(database, gatewayCount, yaml, patience);
  };
  afterEach(() => gateways.stop(), 30_000);
  afterAll(async () => {
    await database.close();
    const head = ['mode', 'scenario', 'admitted', 'limit', 'used', 'overshoot', 'most in leases'];
    const lines = table.map((row) => `| ${Object.values(row).join(' | ')} |`);
    process.stderr.write(`\n| ${head.join(' | ')} |\n|${head.map(() => '---|').join('')}\n${lines.join('\n')}\n\n`);
  });

  const modes: Mode[] = ['strict', 'lease'];

  it.each(modes)(
    'is no request of a day, in %s mode',
    async (mode) => {
      await start(tier(mode, { requests_per_day: 150 }));
      expect(only(await flood(gateways))).toEqual([200, 429]);
      const { overshoot, used } = report(mode, 'requests per day', gateways, gateways.engine.answers, 150);
      expect(overshoot).toBe(0);
      // In lease mode a few requests may lie in leases when the last worker gives up.
      expect(used).toBeGreaterThanOrEqual(mode === 'strict' ? 150 : 100);
    },
    60_000,
  );

  it('is no token of a month in strict mode', async () => {
    await start(tier('strict', { tokens_per_month: 20_000 }));
    await flood(gateways);
    const { overshoot, used } = report('strict', 'tokens per month', gateways, gateways.engine.used, 20_000);
    expect(overshoot).toBe(0);
    expect(used).toBeGreaterThan(18_000);
    await until(async () => (await gateways.usedThisMonth(20_000)) === gateways.engine.used);
  }, 60_000);

  it('is no more than the leases under way in lease mode', async () => {
    await start(tier('lease', { tokens_per_month: 30_000 }));
    await flood(gateways);
    const { overshoot, used } = report('lease', 'tokens per month', gateways, gateways.engine.used, 30_000);
    expect(gateways.leases.most).toBeGreaterThan(0);
    expect(overshoot).toBeLessThanOrEqual(gateways.leases.most);
    expect(used).toBeGreaterThan(20_000);
    await until(async () => (await gateways.usedThisMonth(100_000)) === gateways.engine.used, { timeoutMs: 10_000 });
  }, 60_000);

  it.each<[Mode, number, number]>([
    ['strict', 30_000, 10_000],
    ['strict', 10_000, 20_000],
    ['lease', 30_000, 15_000],
  ])(
    'is kept in %s mode when the limit changes from %s to %s on the way',
    async (mode, before, after) => {
      await start(tier(mode, { tokens_per_month: before }));
      await flood(gateways, 40);
      const usedBefore = gateways.engine.used;
      expect(usedBefore).toBeLessThan(Math.min(before, after));
      gateways.change(tier(mode, { tokens_per_month: after }));
      await flood(gateways);
      const scenario = `${before} to ${after} tokens per month`;
      const { overshoot, used } = report(mode, scenario, gateways, gateways.engine.used, after);
      expect(overshoot).toBeLessThanOrEqual(mode === 'strict' ? 0 : gateways.leases.most);
      expect(used).toBeGreaterThan(usedBefore);
    },
    60_000,
  );

  it.each(modes)(
    'is bounded in %s mode while Redis is gone, and is on the account when it is back',
    async (mode) => {
      const limit = 10_000_000;
      await start(tier(mode, { tokens_per_month: limit, tokens_per_minute: 12_000 }), {
        redisMs: 200,
        limiterMs: 1_000,
      });
      await flood(gateways, 60);
      await gateways.redis.kill();
      const gone = await flood(gateways, 300);
      // Nobody hangs and nothing fails; nobody who keeps to the limit is refused.
      expect(only(gone).filter((status) => status !== 429)).toEqual([200]);
      expect(gone.get(200)).toBeGreaterThan(100);
      await gateways.redis.restart();
      const { used } = gateways.engine;
      // Twice the limit for each gateway on its own, and what was reserved before.
      report(mode, 'Redis killed, tokens per minute', gateways, used, 12_000);
      expect(used).toBeLessThanOrEqual(12_000 * (1 + 2 * gatewayCount));
      await until(async () => (await gateways.usedThisMonth(limit).catch(() => -1)) === used, { timeoutMs: 20_000 });
    },
    90_000,
  );
});
