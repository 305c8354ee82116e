import { describe, expect, it } from '@jest/globals';
import { chat, safety } from '@flotilla/contracts';
import fc from 'fast-check';
import { ChoiceGuard } from './output-guard.ts';
import { redactSecret } from './platform.fixture.ts';
import type { SafetyClient } from './safety-policy.ts';

const token = (content: string) => JSON.stringify({ content: [{ token: content }] });
const piece = (content: string, more: object = {}) =>
  chat.Choice.fromPartial({ content, logprobsJson: content && token(content), ...more });

async function guarded(pieces: readonly chat.Choice[], pauses: readonly boolean[]) {
  const released: chat.Choice[] = [];
  const client = {
    async guard(request: safety.GuardRequest) {
      const response = await redactSecret(request);
      const redacted = response.release.includes('[X]');
      return { ...response, action: redacted ? safety.Action.REDACT : safety.Action.ALLOW };
    },
  } as unknown as SafetyClient;
  const options = {
    ...{ client, caller: {} as never, onTimeout: 'open' as const, timeoutMs: 100 },
    signal: new AbortController().signal,
  };
  const guard = new ChoiceGuard(0, options, {
    release: (choice) => released.push(choice),
    unchecked: () => expect('called').toBe('never'),
    blocked: () => expect('called').toBe('never'),
    failed: (error) => expect(error).toBeUndefined(),
  });
  for (const [at, choice] of pieces.entries()) {
    guard.push(choice);
    if (pauses[at]) await guard.idle();
  }
  await guard.flush();
  return { released, text: released.map(({ content }) => content).join('') };
}

const texts = fc.array(fc.constantFrom('a', ' ', 'SEC', 'RET', 'SECRET', 'S', 'E', 'tail '), { maxLength: 20 });
const pauses = fc.array(fc.boolean(), { maxLength: 20 });

describe('the guard of a choice', () => {
  it('releases the redaction of the whole, whenever pieces come and however the answer ends', async () => {
    await fc.assert(
      fc.asyncProperty(texts, pauses, fc.boolean(), async (pieces, waits, finishes) => {
        const choices = pieces.map((text) => piece(text));
        const last = finishes ? [piece('', { finishReason: 'stop' })] : [];
        const { text, released } = await guarded([...choices, ...last], waits);
        expect(text).toBe(pieces.join('').replaceAll('SECRET', '[X]'));
        expect(released.map(({ finishReason }) => finishReason).filter(Boolean)).toEqual(finishes ? ['stop'] : []);
        if (finishes) expect(released.at(-1)!.finishReason).toBe('stop');
      }),
    );
  });

  it('never lets token probabilities spell out what was redacted, and keeps those of the rest', async () => {
    const pieces = ['One ', 'SEC', 'RET S', ' two ', 'three'].map((text) => piece(text));
    for (const pause of [true, false]) {
      const { released } = await guarded(
        [...pieces, piece('', { finishReason: 'stop' })],
        pieces.map(() => pause),
      );
      const probabilities = released.map(({ logprobsJson }) => logprobsJson).join('');
      expect(probabilities).not.toMatch(/SEC|RET/);
      if (pause) expect(probabilities).toContain('three');
    }
  });

  it('never lets further fields of an engine repeat what was redacted or is still held', async () => {
    const said = ['One ', 'SEC', 'RET ', 'two ', 'three'];
    const pieces = said.map((text, at) => {
      const sofar = said.slice(0, at + 1).join('');
      return chat.Choice.fromPartial({ content: text, extraJson: JSON.stringify({ sofar }) });
    });
    const end = chat.Choice.fromPartial({ finishReason: 'stop', extraJson: JSON.stringify({ sofar: said.join('') }) });
    for (const pause of [true, false]) {
      const { released, text } = await guarded(
        [...pieces, end],
        pieces.map(() => pause),
      );
      expect(text).toBe('One [X] two three');
      const told = released.map(({ extraJson }) => extraJson).filter(Boolean);
      expect(told).toEqual(['{"sofar":"One "}']);
    }
  });

  it('lets further fields and the stop sequence pass beside text that nothing was done to', async () => {
    const extraJson = '{"token_ids":[1]}';
    const end = { finishReason: 'stop', stopSequence: 'END', extraJson };
    for (const pause of [true, false]) {
      const { released } = await guarded(
        [piece('One ', { extraJson }), piece('S', { extraJson }), piece('o', end)],
        [...[pause, pause, pause]],
      );
      const told = released.map((choice) => choice.extraJson).filter(Boolean);
      // Of the S, which could have begun a secret, nothing is told.
      expect(told.length).toBe(pause ? 2 : 3);
      expect(released.at(-1)).toMatchObject(end);
    }
  });

  it('gives each token probability once when nothing is redacted', async () => {
    const pieces = ['One ', 'S', 'o', ' two'].map((text) => piece(text));
    for (const pause of [true, false]) {
      const { released } = await guarded(
        [...pieces, piece('', { finishReason: 'stop' })],
        pieces.map(() => pause),
      );
      const tokens = released
        .filter(({ logprobsJson }) => logprobsJson !== '')
        .flatMap(({ logprobsJson }) => (JSON.parse(logprobsJson) as { content: { token: string }[] }).content)
        .map((entry) => entry.token);
      expect(tokens).toEqual(['One ', 'S', 'o', ' two']);
    }
  });
});
