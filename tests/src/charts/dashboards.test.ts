import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describeWith, until } from '@flotilla/testkit';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chart, everything, ofKind, render } from './flotilla.fixture.ts';
import { WatchedPlatform } from './watched-platform.fixture.ts';

interface Panel {
  title: string;
  targets: { expr: string; legendFormat: string }[];
}

const folder = path.join(chart, 'dashboards');
const panels = readdirSync(folder).flatMap((file) => {
  const dashboard = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as { panels: Panel[] };
  return dashboard.panels.map((panel) => ({ ...panel, title: `${path.basename(file, '.json')}: ${panel.title}` }));
});
const asked = (expr: string) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*');

/** Figures of what does not happen here. That there are such metrics, flotilla-monitoring.test.ts holds against their reference. */
const silent: readonly string[] = [
  // Of Models in a cluster.
  ...['flotilla_fleet_models', 'flotilla_fleet_replicas', 'flotilla_fleet_reconcile_duration_seconds_bucket'],
  ...['flotilla_fleet_drain_duration_seconds_bucket', 'flotilla_fleet_scaling_decisions_total'],
  // Of failures: the limiter is late, the database refuses, an engine ends by itself.
  'flotilla_gateway_limiter_unavailable_total',
  'flotilla_orchestrator_unwritten_rows',
  'flotilla_fleet_process_crashes_total',
];
const shown = panels.flatMap(({ title, targets }) =>
  targets
    .filter(({ expr }) => !silent.some((name) => expr.includes(name)))
    .map(({ expr, legendFormat }) => ({ title, legendFormat, expr: asked(expr) })),
);

describeWith(
  ['prometheus', 'helm', 'redis-server', 'nats-server', 'postgres'],
  'the monitoring of charts/flotilla, on a platform at work',
  () => {
    let platform: WatchedPlatform;
    beforeAll(async () => {
      const [rules] = ofKind(await render(everything), 'PrometheusRule');
      platform = await WatchedPlatform.start((rules!['spec'] as { groups: unknown }).groups);
    }, 120_000);
    afterAll(() => platform?.stop(), 60_000);

    it('shows data in every panel', async () => {
      let empty: typeof shown = shown;
      const look = async () => {
        await platform.work();
        const answers = await Promise.all(empty.map(async (one) => ({ one, samples: await platform.query(one.expr) })));
        empty = answers.filter(({ samples }) => samples.length === 0).map(({ one }) => one);
        return empty.length === 0;
      };
      await until(look, { timeoutMs: 40_000, everyMs: 500 }).catch(() => undefined);
      expect(empty).toEqual([]);
    }, 60_000);

    it('shows quantiles in their order, of requests that took what they took', async () => {
      const of = (p: string) => shown.filter(({ legendFormat }) => legendFormat.startsWith(p));
      const [p50, p95, p99] = ['p50', 'p95', 'p99'].map(of);
      expect(p50!.length).toBeGreaterThan(10);
      for (const [at, { title, expr }] of p50!.entries()) {
        const [higher, highest] = [p95![at]!.expr, p99![at]!.expr];
        const wrong = await platform.query(`((${higher}) < (${expr})) or ((${highest}) < (${higher}))`);
        expect([title, wrong]).toEqual([title, []]);
      }
      const first = 'histogram_quantile(0.5, sum by (le) (rate(gen_ai_server_time_to_first_token_seconds_bucket[1m])))';
      const whole = 'histogram_quantile(0.5, sum by (le) (rate(gen_ai_server_request_duration_seconds_bucket[1m])))';
      const [firstToken] = await platform.query(first);
      const [answer] = await platform.query(whole);
      expect(firstToken!.value).toBeGreaterThan(0);
      expect(answer!.value).toBeLessThan(30);
    });

    it('records and alerts by rules that can be evaluated, and every recording has data', async () => {
      const rules = await platform.rules();
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
      const recorded = [...new Set(rules.filter(({ type }) => type === 'recording').map(({ name }) => name))];
      expect(recorded.length).toBeGreaterThan(30);
      const found = await Promise.all(
        recorded.map(async (name) => ({ name, samples: (await platform.query(name)).length })),
      );
      expect(found.filter(({ samples }) => samples === 0)).toEqual([]);
    });

    it('raises no alarm over what works', async () => {
      const firing = await platform.query('ALERTS{severity="critical", alertname!~".*Budget.*"}');
      expect(firing).toEqual([]);
    });
  },
);
