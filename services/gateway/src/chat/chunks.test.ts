import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import fc from 'fast-check';
import { ChunkWriter, sseFrame } from './chunks.ts';

const head = { id: 'chatcmpl-1', created: 1, model: 'm"\n', systemFingerprint: '', includeUsage: false };
const delta = fc.record<chat.Choice>({
  index: fc.integer({ min: 0, max: 2 }),
  role: fc.constantFrom('', 'assistant'),
  content: fc.string({ unit: 'binary' }),
  reasoning: fc.constantFrom('', 'so\n'),
  refusal: fc.constantFrom('', 'no'),
  toolCallsJson: fc.constantFrom('', '[\n{"index":0}\n]'),
  logprobsJson: fc.constantFrom('', '{"content":[]}'),
  finishReason: fc.constantFrom('', '', 'stop'),
  stopSequence: fc.constantFrom('', 'END'),
  extraJson: fc.constantFrom('', '{"token_ids":[1]}'),
});

interface Chunk {
  choices: {
    index: number;
    delta: { role?: string; content?: string };
    finish_reason: string | null;
    flotilla?: { engine: object };
  }[];
  flotilla?: object;
}

const read = (text: string) =>
  text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => JSON.parse(frame.slice('data: '.length)) as Chunk);

describe('chunks', () => {
  it('are whole frames whose texts add up to what was said, with one role for each choice', () => {
    fc.assert(
      fc.property(fc.array(delta), (deltas) => {
        const writer = new ChunkWriter(head, sseFrame);
        const chunks = read(deltas.map((choice) => writer.choice(choice)).join(''));
        for (const index of [0, 1, 2]) {
          const own = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
          const said = deltas.filter((choice) => choice.index === index);
          expect(own.map((choice) => choice.delta.content ?? '').join('')).toBe(
            said.map(({ content }) => content).join(''),
          );
          expect(own.filter((choice) => choice.delta.role === 'assistant')).toHaveLength(said.length > 0 ? 1 : 0);
          expect(own.filter((choice) => choice.finish_reason === 'stop')).toHaveLength(
            said.filter(({ finishReason }) => finishReason === 'stop').length,
          );
          const engine = { token_ids: [1] };
          expect(own.flatMap((choice) => choice.flotilla ?? [])).toEqual(
            said.filter(({ extraJson }) => extraJson !== '').map(() => ({ engine })),
          );
        }
      }),
    );
  });

  it('tell what the platform adds once, on the next chunk', () => {
    const writer = new ChunkWriter(head, sseFrame);
    const choice = chat.Choice.fromPartial({ content: 'a' });
    writer.attach({ notices: [] });
    const first = read(writer.choice(choice));
    expect(first.map(({ flotilla }) => flotilla)).toEqual([{ notices: [] }, undefined]);
    writer.attach({ late: true });
    expect(read(writer.choice(choice)).map(({ flotilla }) => flotilla)).toEqual([{ late: true }]);
    expect(read(writer.choice(choice))[0]).not.toHaveProperty('flotilla');
  });
});
