import { describe, expect, it } from '@jest/globals';
import { until } from './index.ts';

describe('polling', () => {
  it('gives the first truthy value', async () => {
    let looks = 0;
    expect(await until(() => (looks += 1) === 3 && 'there', { everyMs: 1 })).toBe('there');
    expect(looks).toBe(3);
  });

  it('takes a throw for not yet', async () => {
    let looks = 0;
    const value = await until(
      async () => {
        looks += 1;
        if (looks < 3) throw new Error('refused');
        return looks;
      },
      { everyMs: 1 },
    );
    expect(value).toBe(3);
  });

  it('gives up with what it waited for, and why', async () => {
    const condition = () => {
      throw new Error('refused');
    };
    const outcome = until(condition, { timeoutMs: 5, everyMs: 1, what: 'the second replica' });
    await expect(outcome).rejects.toThrow(/waited 5 ms for the second replica/);
    await outcome.catch((error: Error) => expect((error.cause as Error).message).toBe('refused'));
  });
});
