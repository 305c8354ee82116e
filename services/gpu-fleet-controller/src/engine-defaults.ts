import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { FleetConfig } from './config.ts';
import type { EngineDefaults } from './models/shape.ts';

const valuesFile = z.looseObject({ networkPolicy: z.looseObject({}).default({}) });

/** What engines have beside what their Model says. `own`: the platform's namespace. Throws a sentence that names the setting. */
export async function engineDefaults(
  config: Pick<FleetConfig, 'engineValues' | 'engineImage' | 'engineArgs'>,
  own: string,
): Promise<EngineDefaults> {
  const given = config.engineValues === undefined ? {} : await readValues(config.engineValues);
  const { networkPolicy, ...values } = valuesFile.parse(given);
  return {
    ...(config.engineImage !== undefined && { image: config.engineImage }),
    args: config.engineArgs,
    // Models may be in namespaces where nothing of the platform is.
    values: { ...values, networkPolicy: { platformNamespace: own, ...networkPolicy } },
  };
}

async function readValues(file: string): Promise<unknown> {
  try {
    return z.looseObject({}).parse(parse(await readFile(file, 'utf8')) ?? {});
  } catch (cause) {
    throw new Error(`FLOTILLA_FLEET_ENGINE_VALUES: ${file} holds no YAML of the chart's values: ${String(cause)}`, {
      cause,
    });
  }
}
