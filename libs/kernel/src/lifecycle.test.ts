import { describe, expect, it } from '@jest/globals';
import { serviceGroup, type Service } from './lifecycle.ts';

function recorder(log: string[], name: string, over: Partial<Service> = {}): Service {
  return {
    name,
    start: async () => void log.push(`start ${name}`),
    ready: () => true,
    drain: async () => void log.push(`drain ${name}`),
    stop: async () => void log.push(`stop ${name}`),
    ...over,
  };
}

describe('a group of services', () => {
  it('starts in order, and drains then stops in reverse', async () => {
    const log: string[] = [];
    const group = serviceGroup([recorder(log, 'a'), recorder(log, 'b')]);
    await group.start();
    expect(await group.ready()).toBe(true);
    await group.shutdown();
    expect(log).toEqual(['start a', 'start b', 'drain b', 'drain a', 'stop b', 'stop a']);
    expect(await group.ready()).toBe(false);
  });

  it('stops what had started when one does not start, and names it', async () => {
    const log: string[] = [];
    const broken = recorder(log, 'b', { start: () => Promise.reject(new Error('port taken')) });
    const group = serviceGroup([recorder(log, 'a'), broken, recorder(log, 'c')]);
    await expect(group.start()).rejects.toMatchObject({ message: 'b did not start', cause: { message: 'port taken' } });
    expect(log).toEqual(['start a', 'stop b', 'stop a']);
  });

  it('is not ready while one of its services is not', async () => {
    const log: string[] = [];
    const group = serviceGroup([recorder(log, 'a'), recorder(log, 'b', { ready: async () => false })]);
    expect(await group.ready()).toBe(false);
    await group.start();
    expect(await group.ready()).toBe(false);
    await group.shutdown();
  });

  it('stops a service whose drain never ends when the drain deadline passes', async () => {
    const log: string[] = [];
    const stuck = recorder(log, 'a', {
      drain: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const group = serviceGroup([stuck]);
    await group.start();
    const keepAlive = setInterval(() => undefined, 5);
    await group.shutdown({ drainMs: 1 });
    clearInterval(keepAlive);
    expect(log).toEqual(['start a', 'stop a']);
  });

  it('stops all although one fails to, and says so', async () => {
    const log: string[] = [];
    const group = serviceGroup([
      recorder(log, 'a'),
      recorder(log, 'b', { stop: () => Promise.reject(new Error('no')) }),
    ]);
    await group.start();
    await expect(group.shutdown()).rejects.toThrow('some services did not stop cleanly');
    expect(log).toContain('stop a');
  });

  it('shuts down once, however often it is asked', async () => {
    const log: string[] = [];
    const group = serviceGroup([recorder(log, 'a')]);
    await group.start();
    await Promise.all([group.shutdown(), group.shutdown()]);
    expect(log.filter((line) => line === 'stop a')).toHaveLength(1);
  });
});
