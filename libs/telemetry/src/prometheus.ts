import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { Instrument } from './instruments.ts';
import { readInstruments } from './metrics.ts';

const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

/** The instruments of this process in OpenTelemetry's data model, for any of its readers. */
export const metricProducer: MetricProducer = {
  collect: () => {
    const metrics = [...readInstruments()].map(toMetricData).filter((metric) => metric.dataPoints.length > 0);
    const scopeMetrics = [{ scope: { name: 'flotilla' }, metrics }];
    return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] });
  },
};

/** The instruments of this process as Prometheus text (version 0.0.4). */
export async function prometheusText(): Promise<string> {
  const { resourceMetrics } = await metricProducer.collect();
  return serializer.serialize(resourceMetrics);
}

/** Prometheus puts the unit at the end of a name; names that have it keep theirs. */
function prometheusName(name: string, unit: string | undefined): string {
  const suffix = unit === 's' ? 'seconds' : unit === 'By' ? 'bytes' : undefined;
  return !suffix || name.includes(suffix) ? name : `${name}_${suffix}`;
}

const instant: [number, number] = [0, 0];

function toMetricData(instrument: Instrument): MetricData {
  const { name, description, unit } = instrument.options;
  const shared = {
    // The unit stands in the name; `# UNIT` is OpenMetrics, which Prometheus text is not.
    descriptor: { name: prometheusName(name, unit), description, unit: '', valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  } as const;
  const points = [...instrument.series.all()].map(({ labels, state }) => ({
    startTime: instant,
    endTime: instant,
    attributes: labels,
    state,
  }));
  switch (instrument.kind) {
    case 'counter':
      return {
        ...shared,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: points.map(({ state, ...point }) => ({ ...point, value: (state as { value: number }).value })),
      };
    case 'gauge':
      return {
        ...shared,
        dataPointType: DataPointType.GAUGE,
        dataPoints: points.map(({ state, ...point }) => ({ ...point, value: (state as { value: number }).value })),
      };
    case 'histogram':
      return {
        ...shared,
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints: [...instrument.series.all()].map(({ labels, state }) => ({
          startTime: instant,
          endTime: instant,
          attributes: labels,
          value: {
            buckets: { boundaries: [...state.bounds], counts: [...state.counts] },
            count: state.count,
            sum: state.sum,
          },
        })),
      };
  }
}
