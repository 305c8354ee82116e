import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeWith, requireTool } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { everything, ofKind, render, root } from './flotilla.fixture.ts';

interface Rules {
  groups: { rules: { alert?: string; record?: string; expr: string; annotations?: Record<string, string> }[] }[];
}
interface Dashboard {
  uid: string;
  panels: { title: string; targets: { expr: string }[] }[];
}

const reference = readFileSync(path.join(root, 'docs/reference/metrics.md'), 'utf8');
const metrics = new Set([...reference.matchAll(/`([a-z][a-z0-9_]+)`/g)].map(([, name]) => name));

/** Names of metrics in PromQL that nothing exposes: labels, functions and our recordings aside. */
function unknownIn(expr: string): string[] {
  const bare = expr.replace(/\{[^}]*\}/g, '').replace(/\b(?:by|on) \([^)]*\)/g, '');
  const names = bare.match(/\b[a-z]\w*_\w+\b(?!\s*\()/g) ?? [];
  const plain = names.filter((name) => !expr.includes(`vllm:${name}`) && !expr.includes(`flotilla:${name}`));
  return plain.filter((name) => !metrics.has(name) && !metrics.has(name.replace(/_(bucket|sum|count)$/, '')));
}

describeWith(['helm'], 'the monitoring of charts/flotilla', () => {
  const rules = async () => {
    const [object] = ofKind(await render(everything), 'PrometheusRule');
    return object!['spec'] as Rules;
  };
  const dashboards = async () =>
    ofKind(await render(everything), 'ConfigMap').flatMap((map) =>
      Object.entries(map['data'] as Record<string, string>)
        .filter(([name]) => name.endsWith('.json'))
        .map(([, text]) => JSON.parse(text) as Dashboard),
    );

  it('alerts with a runbook that there is', async () => {
    const alerts = (await rules()).groups.flatMap((group) => group.rules.filter(({ alert }) => alert));
    expect(alerts.length).toBeGreaterThan(15);
    for (const { alert, annotations } of alerts) {
      const url = annotations!['runbook_url']!;
      expect([alert, url]).toEqual([alert, expect.stringMatching(/^https:.*\/docs\/runbooks\/[\w-]+\.md$/)]);
      expect([alert, existsSync(path.join(root, 'docs/runbooks', path.basename(url)))]).toEqual([alert, true]);
    }
  });

  it('asks only for metrics that there are, and recordings that it makes', async () => {
    const all = (await rules()).groups.flatMap((group) => group.rules);
    const panels = (await dashboards()).flatMap((dashboard) => dashboard.panels.flatMap(({ targets }) => targets));
    expect(panels.length).toBeGreaterThan(60);
    expect([...new Set([...all, ...panels].flatMap(({ expr }) => unknownIn(expr)))]).toEqual([]);
    const recorded = new Set(all.map(({ record }) => record));
    const used = all.flatMap(({ expr }) => expr.match(/\bflotilla:[\w:]+/g) ?? []);
    expect(used.filter((name) => !recorded.has(name))).toEqual([]);
  });

  it('knows a metric that nothing exposes', () => {
    expect(unknownIn('sum by (le) (rate(flotilla_no_such_total{code="ok"}[5m]))')).toEqual(['flotilla_no_such_total']);
  });

  it('says what scripts/dashboards.mjs says', () => {
    const check = () =>
      execFileSync(process.execPath, [path.join(root, 'scripts/dashboards.mjs'), '--check'], { stdio: 'pipe' });
    expect(check).not.toThrow();
  });

  describeWith(['promtool'], 'as Prometheus reads it', () => {
    it('is PromQL', async () => {
      const panels = (await dashboards()).flatMap(({ uid, panels: all }) =>
        all.flatMap(({ targets }, panel) => targets.map(({ expr }, at) => ({ record: `${uid}_${panel}_${at}`, expr }))),
      );
      const plain = panels.map(({ record, expr }) => ({
        record: record.replaceAll('-', '_'),
        expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*'),
      }));
      const { groups } = await rules();
      const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-rules-'));
      const file = path.join(folder, 'rules.yaml');
      writeFileSync(file, stringify({ groups: [...groups, { name: 'dashboards', rules: plain }] }));
      const { status, stderr } = spawnSync(requireTool('promtool'), ['check', 'rules', file], { encoding: 'utf8' });
      rmSync(folder, { recursive: true });
      expect([status, stderr]).toEqual([0, '']);
    });
  });
});
