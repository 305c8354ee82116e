import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { answer } from './answer.ts';
import { limitText } from './choice.ts';
import { exampleOf, Hints } from './schema-example.ts';
import { scan, tokenize } from './tokenizer.ts';

const head =
  'Answer from the numbered passages below. Cite each passage you use by its number in square brackets, like [1]. If they do not hold the answer, say so.';

const handbook = `${head}

[1] (handbook.txt)
Office hours are nine to five. The vacation is 30 days.
Expenses are repaid within two weeks.

[2] (security (2026).txt)
Passwords are changed when they leak.
Laptops are encrypted.`;

const ask = (question: string, ...before: { role: string; text: string }[]) =>
  answer([...before, { role: 'user', text: question }], 0);

describe('an answer', () => {
  it.each([
    ['How many vacation days do I get?', 'According to handbook.txt: "The vacation is 30 days." [1]'],
    ['when is an expense repaid', 'According to handbook.txt: "Expenses are repaid within two weeks." [1]'],
    ['Is my laptop encrypted?', 'According to security (2026).txt: "Laptops are encrypted." [2]'],
    ['Who won the football match?', 'The passages do not hold an answer to that.'],
  ])('quotes and cites the passage that holds it: %s', (question, expected) => {
    expect(ask(question, { role: 'system', text: `Be brief.\n\n${handbook}` })).toBe(expected);
  });

  it('is the same for the same conversation and seed', () => {
    expect(ask('What is a KV cache?')).toBe(ask('What is a KV cache?'));
    expect(ask('What is a KV cache?')).toContain('KV cache');
  });

  it('remembers what the user said earlier', () => {
    const earlier = { role: 'user', text: 'Hello, my name is Ada Lovelace. My favourite colour is green.' };
    expect(ask('What is my name?', earlier)).toBe('Your name is Ada Lovelace.');
    expect(ask("What's my favourite colour?", earlier)).toBe('Your favourite colour is green.');
    expect(ask('What did I just ask?', { role: 'user', text: 'How tall is Everest?' })).toContain(
      'How tall is Everest?',
    );
    expect(ask('What is my name?')).toBe('You have not told me your name.');
  });

  it('repeats and counts when told to', () => {
    expect(ask('Repeat: mail me at a@b.example')).toBe('mail me at a@b.example');
    expect(ask('Please count to 4')).toBe('1, 2, 3, 4');
  });
});

describe('tokens', () => {
  it('joined are the text, and as many as the scan counts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const tokens = tokenize(text);
        expect(tokens.join('')).toBe(text);
        expect(tokens).not.toContain('');
        expect(scan(text, 16).tokens).toBe(tokens.length);
      }),
    );
  });

  it('of equal beginnings hash to equal leading blocks, and of different adapters to different ones', () => {
    const beginning = 'one two three four '.repeat(20);
    const a = scan(`${beginning}left`, 16).blocks;
    const b = scan(`${beginning}right and more`, 16).blocks;
    const shared = Math.floor(tokenize(beginning).length / 16) - 1;
    expect(a.slice(0, shared)).toEqual(b.slice(0, shared));
    expect(scan(beginning, 16, 'adapter').blocks[0]).not.toBe(a[0]);
  });

  it('never exceed the limit, and an answer cut by a stop string never holds it', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 100 }),
        fc.string({ minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 40 }),
        (text, stop, maxTokens) => {
          const choice = limitText(text, { maxTokens, minTokens: 0, stop: [stop], includeStop: false, exactTokens: 0 });
          expect(choice.tokens.length).toBeLessThanOrEqual(maxTokens);
          expect(choice.tokens.join('')).toBe(choice.text);
          expect(choice.text).not.toContain(stop);
        },
      ),
    );
  });
});

describe('an example of a schema', () => {
  const make = (schema: unknown, question = 'Add 2 and 40 in Berlin') =>
    exampleOf(schema, new Hints(question, 'words'));

  it('takes its values from the question and keeps bounds, formats, references and alternatives', () => {
    expect(
      make({
        type: 'object',
        $defs: { place: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } },
        properties: {
          a: { type: 'number' },
          b: { type: 'integer', maximum: 10 },
          place: { $ref: '#/$defs/place' },
          day: { type: 'string', format: 'date' },
          maybe: { anyOf: [{ type: 'null' }, { type: 'boolean' }] },
          tags: { type: 'array', minItems: 2, items: { enum: ['red', 'blue'] } },
        },
        required: ['a', 'b', 'place', 'day', 'maybe', 'tags'],
      }),
    ).toEqual({ a: 2, b: 10, place: { name: 'Berlin' }, day: '2026-01-31', maybe: true, tags: ['red', 'red'] });
  });

  it('ends on a schema that refers to itself', () => {
    const node = { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] };
    expect(JSON.stringify(make(node)).length).toBeLessThan(1_000);
  });
});
