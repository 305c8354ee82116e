import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { beforeRead, counter, gauge, histogram } from './metrics.ts';
import { prometheusText } from './prometheus.ts';
import { SeriesTable } from './series.ts';

const textOf = (name: string) =>
  prometheusText()
    .split('\n')
    .filter((line) => line.includes(name));

describe('metrics as Prometheus reads them', () => {
  it('shows a counter with its total, by labels in any order', () => {
    const calls = counter({ name: 'test.calls', description: 'Calls\nmade' });
    calls.add(1, { method: 'a', ok: true });
    calls.add(2, { ok: true, method: 'a' });
    calls.add(1, { method: 'say "hi"\\\n', ok: undefined });
    calls.bind({ method: 'b' }).add(5);
    calls.add(-1, { method: 'b' });
    expect(textOf('test_calls')).toEqual([
      '# HELP test_calls_total Calls\\nmade',
      '# TYPE test_calls_total counter',
      'test_calls_total{method="a",ok="true"} 3',
      'test_calls_total{method="say \\"hi\\"\\\\\\n"} 1',
      'test_calls_total{method="b"} 5',
    ]);
  });

  it('shows a histogram with cumulative buckets, its unit in the name', () => {
    const waits = histogram({ name: 'gen_ai.test.wait', description: 'Wait', unit: 's', buckets: [0.1, 1] });
    for (const value of [0.05, 0.1, 0.5, 7, Number.NaN, -1]) waits.record(value, { model: 'm' });
    expect(textOf('gen_ai_test_wait')).toEqual([
      '# HELP gen_ai_test_wait_seconds Wait',
      '# TYPE gen_ai_test_wait_seconds histogram',
      'gen_ai_test_wait_seconds_bucket{model="m",le="0.1"} 2',
      'gen_ai_test_wait_seconds_bucket{model="m",le="1"} 3',
      'gen_ai_test_wait_seconds_bucket{model="m",le="+Inf"} 4',
      'gen_ai_test_wait_seconds_sum{model="m"} 7.65',
      'gen_ai_test_wait_seconds_count{model="m"} 4',
    ]);
  });

  it('reads gauges as they are now, and no instrument that holds nothing', () => {
    const depth = gauge({ name: 'test_queue_depth', description: 'Waiting' });
    expect(textOf('test_queue_depth')).toEqual([]);
    const stop = beforeRead(() => depth.set(4));
    expect(textOf('test_queue_depth')).toContain('test_queue_depth 4');
    stop();
    depth.add(-1);
    expect(textOf('test_queue_depth')).toContain('test_queue_depth 3');
  });

  it('gives the same instrument for the same name, and refuses another kind', () => {
    const options = { name: 'test_same', description: 'x' };
    expect(counter(options)).toBe(counter(options));
    expect(() => gauge(options)).toThrow('test_same is a counter already');
  });

  it('counts what comes above the bound of series in one overflow series, and known ones as before', () => {
    const calls = counter({ name: 'test_bounded', description: 'x', maxSeries: 2 });
    for (const model of ['a', 'b', 'c', 'd', 'a', 'e']) calls.add(1, { model });
    expect(textOf('test_bounded_total{')).toEqual([
      'test_bounded_total{model="a"} 2',
      'test_bounded_total{model="b"} 1',
      'test_bounded_total{otel_metric_overflow="true"} 3',
    ]);
  });
});

describe('the table of series', () => {
  it('leads the same labels to the same series in any order, and different ones to different series, within its bound', () => {
    const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y', 'a', 'b'), { maxKeys: 3 });
    fc.assert(
      fc.property(fc.array(labels, { maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (all, maxSeries) => {
        const table = new SeriesTable(maxSeries, () => ({}));
        const seen = new Map<string, object>();
        for (const each of all) {
          const key = JSON.stringify(Object.entries(each).sort());
          const found = table.find(each);
          if (seen.size < maxSeries && !seen.has(key)) seen.set(key, found);
          if (seen.has(key)) expect(found).toBe(seen.get(key));
          const reversed = Object.fromEntries(Object.entries(each).reverse());
          expect(table.find(reversed)).toBe(found);
        }
        expect(new Set(seen.values()).size).toBe(seen.size);
        expect([...table.all()].length).toBeLessThanOrEqual(maxSeries + 1);
      }),
    );
  });
});
