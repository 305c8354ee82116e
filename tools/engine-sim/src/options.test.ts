import { describe, expect, it } from '@jest/globals';
import { readOptions } from './index.ts';

describe('the options', () => {
  it('come from the command line over the environment', () => {
    const options = readOptions(['--model', 'm', '--prefix-caching', 'false', '--exit-with-parent'], {
      ENGINE_SIM_MODEL: 'other',
      ENGINE_SIM_MAX_NUM_SEQS: '9',
    });
    expect(options).toMatchObject({ model: 'm', maxNumSeqs: 9, prefixCaching: false, exitWithParent: true });
  });

  it('name what is wrong', () => {
    expect(() => readOptions(['--block-size', 'many'], {})).toThrow(/--block-size: /);
    expect(() => readOptions(['--no-such', '1'], {})).toThrow(/no-such/);
  });
});
