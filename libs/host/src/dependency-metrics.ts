import { beforeRead, gauge } from '@flotilla/telemetry';

const up = gauge({
  name: 'flotilla_dependency_up',
  description: 'Whether this process is connected to what it depends on (1) or not (0)',
  unit: '1',
});

/** Shows a dependency's state in the metrics. It is not part of readiness: see `resource`. */
export function watchDependency(dependency: string, isUp: () => boolean): void {
  beforeRead(() => up.set(isUp() ? 1 : 0, { dependency }));
}
