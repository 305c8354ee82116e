import { afterEach, describe, expect, it } from '@jest/globals';
import { run } from './command.ts';
import { fakeHelm, type FakeHelm } from './fake-helm.fixture.ts';

describe('running a program', () => {
  let fake: FakeHelm | undefined;
  afterEach(() => fake?.remove());
  const command = (...lines: string[]) => {
    fake = fakeHelm(...lines);
    return { binary: fake.binary, args: [], env: process.env };
  };

  it('kills one that does not end when asked', async () => {
    const caller = new AbortController();
    const stubborn = command("trap '' TERM", 'echo begun >&2', 'while :; do sleep 0.05; done');
    const call = run({
      ...stubborn,
      signal: caller.signal,
      killAfterMs: 100,
      onLine: () => caller.abort(new Error('gone')),
    });
    await expect(call).rejects.toThrow('gone');
  });

  it('ends one that writes without end', async () => {
    const endless = command('exec yes');
    await expect(run({ ...endless, signal: new AbortController().signal })).rejects.toThrow('wrote more than');
  });

  it('keeps the last 200 lines of errors, each cut to a bounded length', async () => {
    const chatty = command(
      'i=0; while [ $i -lt 300 ]; do echo "line $i" >&2; i=$((i+1)); done',
      "printf '%9000s\\n' x >&2",
    );
    const { stderr, code } = await run({ ...chatty, signal: new AbortController().signal });
    expect([code, stderr.length, stderr[0], stderr.at(-1)!.length]).toEqual([0, 200, 'line 101', 4_000]);
  });
});
