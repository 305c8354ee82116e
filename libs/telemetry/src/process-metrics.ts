import { monitorEventLoopDelay } from 'node:perf_hooks';
import { beforeRead, counter, gauge } from './metrics.ts';

/** Follows this process: CPU, memory, event-loop lag, under the names Prometheus' clients use. Returns the way to stop. */
export function watchProcess(): () => void {
  const cpu = counter({ name: 'process_cpu_seconds_total', description: 'CPU time, user and system', unit: 's' }).bind(
    {},
  );
  const resident = gauge({ name: 'process_resident_memory_bytes', description: 'Resident memory', unit: 'By' }).bind(
    {},
  );
  const heap = gauge({ name: 'nodejs_heap_size_used_bytes', description: 'Heap in use', unit: 'By' }).bind({});
  const started = gauge({
    name: 'process_start_time_seconds',
    description: 'Start of the process, seconds since 1970',
    unit: 's',
  }).bind({});
  const lag = gauge({
    name: 'nodejs_eventloop_lag_seconds',
    description: 'How late timers fire, by quantile, since the last reading',
    unit: 's',
  });
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  started.set(performance.timeOrigin / 1_000);

  let cpuSeen = 0;
  const stopReading = beforeRead(() => {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1e6;
    cpu.add(seconds - cpuSeen);
    cpuSeen = seconds;
    resident.set(process.memoryUsage.rss());
    heap.set(process.memoryUsage().heapUsed);
    // The monitor counts its own 20 ms resolution in.
    for (const [quantile, percentile] of [
      ['0.5', 50],
      ['0.99', 99],
      ['1', 100],
    ] as const) {
      lag.set(delay.count > 0 ? Math.max(0, delay.percentile(percentile) / 1e9 - 0.02) : 0, { quantile });
    }
    delay.reset();
  });
  return () => {
    stopReading();
    delay.disable();
  };
}
