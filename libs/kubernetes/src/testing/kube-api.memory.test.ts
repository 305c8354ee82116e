import { describe, it } from '@jest/globals';
import { namespaces } from '../resources.ts';
import { createMemoryApi, kubeApiContract } from './index.ts';

describe('the API in memory', () => {
  for (const { name, run } of kubeApiContract) {
    it(name, async () => {
      const api = createMemoryApi();
      await api.create({ apiVersion: namespaces.apiVersion, kind: namespaces.kind, metadata: { name: 'test' } });
      await run(api, 'test');
    });
  }
});
