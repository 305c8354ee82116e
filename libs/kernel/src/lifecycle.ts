import { systemClock, type Clock } from './clock.ts';

/** Something that runs: a service, a server, a connection. */
export interface Service {
  readonly name: string;
  /** Resolves when it serves. */
  start(): Promise<void>;
  /** True while it can do its work; readiness probes ask it. */
  ready(): boolean | Promise<boolean>;
  /**
   * Refuses new work and lets what is under way finish; resolves when nothing is left or the signal aborts.
   * Absent: nothing to drain.
   */
  drain?(signal: AbortSignal): Promise<void>;
  /** Ends at once and frees everything. */
  stop(): Promise<void>;
}

/** How long each stage of an orderly end may take, in milliseconds. */
export interface DrainPlan {
  /** Not ready, but still serving: load balancers need this long to notice. */
  notReadyMs: number;
  /** Work under way may take this long to finish. */
  drainMs: number;
}

export interface Group {
  start(): Promise<void>;
  ready(): Promise<boolean>;
  /** Staged end: not ready, wait, drain all in reverse order of start, stop all in reverse order. Idempotent. */
  shutdown(plan?: Partial<DrainPlan>): Promise<void>;
}

/**
 * Starts services in the order given and ends them in reverse. A start that fails stops what had started and throws.
 * The stages of the end follow Temporal's: fail health, wait, refuse and drain, deadline, force.
 */
export function serviceGroup(services: readonly Service[], clock: Clock = systemClock): Group {
  let running: Service[] = [];
  let ending: Promise<void> | undefined;

  const stopAll = async () => {
    const errors: unknown[] = [];
    for (const service of [...running].reverse()) await service.stop().catch((error: unknown) => errors.push(error));
    running = [];
    if (errors.length > 0) throw new AggregateError(errors, 'some services did not stop cleanly');
  };

  const end = async ({ notReadyMs = 0, drainMs = 30_000 }: Partial<DrainPlan>) => {
    if (notReadyMs > 0) await new Promise<void>((resolve) => clock.after(notReadyMs, resolve));
    const deadline = new AbortController();
    const timer = clock.after(drainMs, () => deadline.abort(new Error('drain deadline')));
    for (const service of [...running].reverse()) await service.drain?.(deadline.signal).catch(() => undefined);
    timer.cancel();
    await stopAll();
  };

  return {
    async start() {
      for (const service of services) {
        running.push(service);
        try {
          await service.start();
        } catch (error) {
          await stopAll().catch(() => undefined);
          throw new Error(`${service.name} did not start`, { cause: error });
        }
      }
    },
    async ready() {
      if (ending || running.length < services.length) return false;
      return (await Promise.all(running.map((service) => service.ready()))).every(Boolean);
    },
    shutdown: (plan = {}) => (ending ??= end(plan)),
  };
}
