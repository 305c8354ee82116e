import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import fc from 'fast-check';
import { choice, event, finished } from '../../platform.fixture.ts';
import type { Turn } from '../../chat/turns.ts';
import { MessageEvents } from './message-events.ts';

const turn = { id: 'chatcmpl-1', body: { model: 'm', conversationId: '' } } as unknown as Turn;
const wishes = { thinking: true, stopSequences: [] };
const piece = (index: number, called: object, id?: string) =>
  choice({ toolCallsJson: JSON.stringify([{ index, ...(id && { id }), function: called }]) });

interface Data {
  type: string;
  index: number;
  content_block: { type: string; id?: string };
  delta: { text?: string; partial_json?: string; thinking?: string };
}

function read(text: string): Data[] {
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => JSON.parse(frame.slice(frame.indexOf('\ndata: ') + 7)) as Data);
}

describe('the events of a message', () => {
  it('hold one block at a time, in order, and all that was said, however it was cut', () => {
    const words = fc.record({
      kind: fc.constantFrom('text', 'thinking'),
      parts: fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }),
    });
    const call = fc.record({ kind: fc.constant('tool'), parts: fc.array(fc.string({ unit: 'binary' })) });
    fc.assert(
      fc.property(fc.array(fc.oneof(words, call)), (said) => {
        const events = new MessageEvents(turn, 1, wishes);
        let text = '';
        for (const [at, { kind, parts }] of said.entries()) {
          if (kind === 'tool') text += events.take(piece(at, { name: 'f', arguments: '' }, `t${at}`));
          for (const part of parts) {
            if (kind === 'tool') text += events.take(piece(at, { arguments: part }));
            else text += events.take(choice(kind === 'text' ? { content: part } : { reasoning: part }));
          }
        }
        text += events.take(choice({ finishReason: 'stop' })) + events.take(finished);
        events.end();

        const data = read(text);
        const blocks = data.map(({ type, index }) => `${type} ${index}`).filter((line) => line.startsWith('content'));
        expect(blocks.join('\n')).toMatch(
          /^((content_block_start (\d+)(\ncontent_block_delta \3)*\ncontent_block_stop \3)\n?)*$/,
        );
        expect(data.map(({ type }) => type).filter((type) => !type.startsWith('content'))).toEqual([
          'message_start',
          'message_delta',
          'message_stop',
        ]);
        const deltas = data.flatMap(({ type, delta }) => (type === 'content_block_delta' ? [delta] : []));
        const saidOf = (wanted: string) => said.flatMap(({ kind, parts }) => (kind === wanted ? parts : [])).join('');
        expect(deltas.map((delta) => delta.text ?? '').join('')).toBe(saidOf('text'));
        expect(deltas.map((delta) => delta.thinking ?? '').join('')).toBe(saidOf('thinking'));
        expect(deltas.map((delta) => delta.partial_json ?? '').join('')).toBe(saidOf('tool'));
        const starts = data.filter(({ type }) => type === 'content_block_start').map(({ index }) => index);
        expect(starts).toEqual([...starts.keys()]);
        const ids = data.flatMap(({ content_block: block }) => (block?.type === 'tool_use' ? [block.id] : []));
        expect(ids).toEqual(said.flatMap(({ kind }, at) => (kind === 'tool' ? [`t${at}`] : [])));
      }),
      { numRuns: 50 },
    );
  });

  it('break off where an engine mixes the pieces of two tool calls', () => {
    const events = new MessageEvents(turn, 1, wishes);
    events.take(piece(0, { name: 'f', arguments: '{' }, 't0'));
    events.take(piece(1, { name: 'g', arguments: '{' }, 't1'));
    expect(() => events.take(piece(0, { arguments: '}' }))).toThrow('mixed the pieces');
  });

  it('say at the end what the platform adds', () => {
    const events = new MessageEvents(turn, 1, wishes);
    events.take(
      event({ $case: 'notice', value: chat.Notice.fromPartial({ code: 'failed_over', message: 'Another.' }) }),
    );
    events.take(choice({ content: 'a', finishReason: 'stop' }));
    const [, delta] = read(events.take(finished));
    expect(delta).toMatchObject({ flotilla: { notices: [{ code: 'failed_over' }] } });
  });
});
