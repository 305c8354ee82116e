import { describe, expect, it } from '@jest/globals';
import { modelSchema } from './models.ts';
import { assumedCapabilities } from './payload.ts';

const targets = [{ provider: 'local' }];

describe('what a model can do', () => {
  it('is a guess where its configuration says nothing, also after something was laid over it', () => {
    const model = modelSchema.parse({ name: 'm', targets });
    expect(model.capabilities).toBe(assumedCapabilities);
    expect(modelSchema.parse({ ...model, context_window: 9 }).capabilities).toBe(assumedCapabilities);
  });

  it('is no guess where its configuration names it, even the same', () => {
    const model = modelSchema.parse({ name: 'm', targets, capabilities: ['chat'] });
    expect(model.capabilities).toEqual(['chat']);
    expect(model.capabilities).not.toBe(assumedCapabilities);
  });
});
