import type { Instrument } from './instruments.ts';
import { readInstruments } from './metrics.ts';
import type { Labels } from './series.ts';

/** The instruments of this process as Prometheus text, format version 0.0.4. */
export function prometheusText(): string {
  let text = '';
  for (const instrument of readInstruments()) text += instrumentText(instrument);
  return text;
}

/**
 * The name Prometheus knows an instrument by, after OpenTelemetry's compatibility rules: dots become `_`, the unit stands
 * at the end, and counters end in `_total`.
 */
export function prometheusName(name: string, unit: string | undefined, kind: Instrument['kind']): string {
  let known = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_');
  const suffix = unit === 's' ? 'seconds' : unit === 'By' ? 'bytes' : undefined;
  if (suffix && !known.includes(suffix)) known += `_${suffix}`;
  return kind === 'counter' && !known.endsWith('_total') ? `${known}_total` : known;
}

function instrumentText(instrument: Instrument): string {
  const { kind, options, series } = instrument;
  const name = prometheusName(options.name, options.unit, kind);
  let lines = '';
  if (instrument.kind === 'histogram') {
    let ends: string[] | undefined;
    for (const { labels, state } of instrument.series.all()) {
      ends ??= [...state.bounds, '+Inf'].map((bound) => `le="${bound}"} `);
      const shown = labelText(labels);
      const begin = `${name}_bucket{${shown}${shown && ','}`;
      let below = 0;
      for (let index = 0; index < ends.length; index += 1) {
        below += state.counts[index]!;
        lines += `${begin}${ends[index]}${below}\n`;
      }
      const braced = shown && `{${shown}}`;
      lines += `${name}_sum${braced} ${state.sum}\n${name}_count${braced} ${state.count}\n`;
    }
  } else {
    for (const { labels, state } of series.all()) {
      const shown = labelText(labels);
      lines += `${name}${shown && `{${shown}}`} ${numberText((state as { value: number }).value)}\n`;
    }
  }
  if (lines === '') return '';
  const help = options.description.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${lines}`;
}

/** Labels of a series never change, so neither does their text. */
const labelTexts = new WeakMap<Labels, string>();

function labelText(labels: Labels): string {
  let text = labelTexts.get(labels);
  if (text === undefined) {
    text = Object.entries(labels)
      .map(([name, value]) => `${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}="${escapeValue(String(value))}"`)
      .join(',');
    labelTexts.set(labels, text);
  }
  return text;
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
}
