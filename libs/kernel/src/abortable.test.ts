import { expect, it } from '@jest/globals';
import { abortable } from './abortable.ts';

it('says what the promise says while nobody aborts', async () => {
  const { signal } = new AbortController();
  await expect(abortable(Promise.resolve(1), signal)).resolves.toBe(1);
  await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

it('lets go with the signal’s reason, also when it had aborted before, and what comes late troubles nobody', async () => {
  const controller = new AbortController();
  let fail!: (error: Error) => void;
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const waiting = abortable(work, controller.signal);
  controller.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
  const late = abortable(work, controller.signal);
  fail(new Error('too late'));
  await expect(late).rejects.toThrow('left');
});
