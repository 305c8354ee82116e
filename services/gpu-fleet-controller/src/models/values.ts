import type { Values } from '@flotilla/helm';
import { fleetManager, groupKey, labelNames } from './names.ts';
import type { EngineDefaults, Shape } from './shape.ts';
import type { GroupName } from './world.ts';

/**
 * The values of charts/vllm-engine for the workload of one version on one profile. Undefined: the version knows no such
 * profile. How many replicas there are is no part of them.
 */
export function valuesOf(
  modelName: string,
  shape: Shape,
  group: GroupName,
  defaults: EngineDefaults,
): Values | undefined {
  const profile = shape.profiles.find(({ name }) => name === group.profile);
  if (!profile) return undefined;
  const { engine, source, cache, adapters, sleep, startTimeoutSeconds, drainSeconds } = shape;
  const labels = { [labelNames.model]: modelName, [labelNames.managedBy]: fleetManager };
  return defined({
    ...defaults.values,
    model: shape.servedName,
    workload: groupKey(group),
    revision: group.revision,
    profile: defined(profile),
    engine: defined({ ...engine, image: engine.image ?? defaults.image, args: [...defaults.args, ...engine.args] }),
    source: defined(source),
    cache: cache && defined(cache),
    ...{ adapters, sleep, startTimeoutSeconds, drainSeconds },
    labels: { ...(defaults.values.labels as Record<string, string> | undefined), ...labels },
    autoscaling: { kind: 'none' },
  });
}

function defined(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
