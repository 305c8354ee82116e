import type { ContainerSpec, ProbeSpec } from '../pod-spec.ts';

/** The container with its startup and readiness probed at least every `ms`. What has to fail for a minute fails for a minute still. */
export function probedOften(spec: ContainerSpec, ms: number): ContainerSpec {
  const { startupProbe, readinessProbe } = spec;
  return {
    ...spec,
    ...(startupProbe && { startupProbe: often(startupProbe, ms) }),
    ...(readinessProbe && { readinessProbe: often(readinessProbe, ms) }),
  };
}

function often(probe: ProbeSpec, ms: number): ProbeSpec {
  const { periodSeconds = 10, failureThreshold = 3 } = probe;
  const times = (periodSeconds * 1_000) / ms;
  if (times <= 1) return probe;
  return { ...probe, periodSeconds: ms / 1_000, failureThreshold: Math.ceil(failureThreshold * times) };
}
