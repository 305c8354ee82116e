import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import fc from 'fast-check';
import { generateRequest } from '../router.fixture.ts';
import { fitContext } from './fitting.ts';
import { estimateBounds, tokensOfMessage } from './token-estimate.ts';

const say = (role: string, words: number) => chat.Message.fromPartial({ role, content: 'word '.repeat(words) });
const request = (messages: chat.Message[], maxTokens = 0) => generateRequest({ messages, maxTokens });
const turns = (count: number, words: number) =>
  Array.from({ length: count }, () => [say('user', words), say('assistant', words)]).flat();

describe('a prompt and the window of its model', () => {
  it('is passed on as it is where both fit', () => {
    const asked = request([say('user', 100)], 100);
    for (const fit of ['refuse', 'truncate'] as const) {
      const fitted = fitContext(asked, 1_000, fit);
      expect([fitted.request.messages, fitted.request.maxTokens, fitted.notices]).toEqual([asked.messages, 100, []]);
    }
  });

  it('is refused where the prompt alone is longer, with the field and both lengths', () => {
    expect(() => fitContext(request([say('user', 2_000)]), 1_000, 'refuse')).toThrow(
      expect.objectContaining({
        code: 'context_length_exceeded',
        message: expect.stringMatching(/about \d+ tokens; the model’s context window holds 1000/),
        details: { param: 'messages' },
      }),
    );
  });

  it('loses its oldest turns where the model says to truncate, never its system message', () => {
    const messages = [say('system', 10), ...turns(10, 200), say('user', 10)];
    const { request: fitted, notices } = fitContext(request(messages, 500), 2_000, 'truncate');
    expect(fitted.messages[0]).toEqual(messages[0]);
    expect(fitted.messages.at(-1)).toEqual(messages.at(-1));
    expect(fitted.messages[1]!.role).toBe('user');
    expect(fitted.messages.length).toBeLessThan(messages.length);
    expect(notices.map(({ code }) => code)).toEqual(['history_truncated']);
    expect(fitted.maxTokens).toBe(500);
  });

  it('is still refused where the current turn is too long', () => {
    const messages = [...turns(2, 200), say('user', 3_000)];
    expect(() => fitContext(request(messages), 1_000, 'truncate')).toThrow(
      expect.objectContaining({ code: 'context_length_exceeded' }),
    );
  });

  it('has the answer’s limit lowered where the window surely holds no more', () => {
    const { request: fitted, notices } = fitContext(request([say('user', 500)], 4_096), 4_096, 'refuse');
    expect(fitted.maxTokens).toBeGreaterThan(3_000);
    expect(fitted.maxTokens).toBeLessThan(3_596);
    expect(notices.map(({ code }) => code)).toEqual(['max_tokens_lowered']);
  });

  it('counts an image as about a thousand tokens, whatever its bytes', () => {
    const parts = [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } }];
    const tokens = tokensOfMessage(
      chat.Message.fromPartial({ role: 'user', content: '', partsJson: JSON.stringify(parts) }),
    );
    expect(tokens).toBeGreaterThan(500);
    expect(tokens).toBeLessThan(2_000);
  });

  it('fits after truncation, by the highest estimate, unless only the current turn is left', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 200, max: 8_000 }),
        fc.nat(4_000),
        (sizes, window, maxTokens) => {
          const messages = sizes.flatMap((size) => [say('user', size), say('assistant', 5)]);
          const { messages: kept } = fitContext(request(messages, maxTokens), window, 'truncate').request;
          const tokens = kept.reduce((sum, message) => sum + tokensOfMessage(message), 0);
          if (kept.length > 2) expect(tokens * estimateBounds.highest).toBeLessThanOrEqual(window);
          expect(kept).toEqual(messages.slice(messages.length - kept.length));
        },
      ),
      { numRuns: 50 },
    );
  });
});
