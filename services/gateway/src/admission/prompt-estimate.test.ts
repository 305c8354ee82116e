import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import { boundInputTokens, boundPromptTokens, estimatePromptTokens } from './prompt-estimate.ts';

const prompt = (content: string, fields: object = {}) => ({
  ...{ messages: [chat.Message.fromPartial({ role: 'user', content })], mediaParts: 0, parametersJson: '{}' },
  ...fields,
});

describe('the bound of a prompt', () => {
  it.each([
    ['letters', 'x'],
    ['Chinese', '語'],
    ['emoji', '🛳️'],
    ['control characters', '\u0001'],
  ])('is no less than a token for each byte of %s', (_, text) => {
    const content = text.repeat(1_000);
    expect(boundPromptTokens(prompt(content))).toBeGreaterThanOrEqual(Buffer.byteLength(content));
    expect(boundInputTokens([content, content])).toBeGreaterThan(2 * Buffer.byteLength(content));
  });

  it('counts tools as templates print them, names, and calls of tools', () => {
    const bare = boundPromptTokens(prompt('Hi'));
    const parametersJson = JSON.stringify({ tools: [{ type: 'function', function: { name: 'f' } }] });
    expect(boundPromptTokens(prompt('Hi', { parametersJson }))).toBeGreaterThan(bare + 2 * (parametersJson.length - 2));
    const toolCallsJson = '[{"id":"c1"}]';
    const messages = [chat.Message.fromPartial({ role: 'assistant', name: 'bo', toolCallsJson })];
    expect(boundPromptTokens({ ...prompt(''), messages })).toBeGreaterThan(boundPromptTokens(prompt('')) + 13);
  });

  it('is above the guess for images too', () => {
    const withImage = prompt('What is this?', { mediaParts: 1 });
    expect(boundPromptTokens(withImage)).toBeGreaterThan(estimatePromptTokens(withImage));
    expect(boundPromptTokens(withImage)).toBeGreaterThanOrEqual(16_384);
  });
});
