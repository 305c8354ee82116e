import type { Clock } from '@flotilla/kernel';
import type { ContainerSpec, ProbeSpec } from '../pod-spec.ts';
import { runHandler, type CheckTarget } from './checks.ts';
import { startProbe } from './probe-loop.ts';

export interface ProbeEffects {
  /** The startup probe passed, or there is none. */
  started(): void;
  ready(ready: boolean): void;
  /** Startup or liveness failed: the container is to end, with this grace where the probe has its own. */
  unhealthy(message: string, graceSeconds: number | undefined): void;
  /** One check failed. */
  failed(message: string): void;
}

/** Runs a container's probes: the startup probe alone first, then the two others. Returns how to stop them. */
export function startProbes(spec: ContainerSpec, clock: Clock, target: CheckTarget, effects: ProbeEffects): () => void {
  const stops: (() => void)[] = [];
  const run = (name: string, probe: ProbeSpec, verdict: (healthy: boolean) => void) => {
    const check = (timeoutMs: number) => runHandler(probe, target, timeoutMs);
    const failed = (message: string) => effects.failed(`${name} probe failed: ${message}`);
    stops.push(startProbe(probe, clock, check, { failed, verdict: ({ healthy }) => verdict(healthy) }));
  };
  const stopAll = () => {
    for (const stop of stops.splice(0)) stop();
  };
  const end = (name: string, { terminationGracePeriodSeconds }: ProbeSpec) => {
    stopAll();
    effects.unhealthy(`Container ${spec.name} failed ${name} probe, will be restarted`, terminationGracePeriodSeconds);
  };
  const afterStart = () => {
    stopAll();
    effects.started();
    const { readinessProbe, livenessProbe } = spec;
    if (readinessProbe) run('Readiness', readinessProbe, (healthy) => effects.ready(healthy));
    else effects.ready(true);
    if (livenessProbe) run('Liveness', livenessProbe, (healthy) => healthy || end('liveness', livenessProbe));
  };
  const { startupProbe } = spec;
  if (startupProbe) {
    run('Startup', startupProbe, (healthy) => (healthy ? afterStart() : end('startup', startupProbe)));
  } else {
    afterStart();
  }
  return stopAll;
}
