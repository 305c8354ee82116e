import { describe, expect, it } from '@jest/globals';
import { parsePlatformFile } from './platform-file.ts';

const file = (provider: string) => parsePlatformFile(`providers: [{ name: local, kind: vllm, ${provider} }]`);

describe('what a provider runs', () => {
  it('may be several services at one address, each with no more than its name', () => {
    const [local] = file('services: [{ name: qlora-prod }, { name: org/base, command: [serve] }]').providers;
    expect(local?.services).toEqual([
      { name: 'qlora-prod', env: {}, args: [] },
      { name: 'org/base', command: ['serve'], env: {}, args: [] },
    ]);
  });

  it('is one process or several services, not both, and no two of one name', () => {
    expect(() => file('process: { command: [a] }, services: [{ name: b }]')).toThrow(
      'services: stands beside "process"',
    );
    expect(() => file('services: [{ name: a }, { name: a }]')).toThrow('services: two have one name');
  });
});
