import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SseParser } from './sse.ts';

function parse(chunks: Uint8Array[]): string[] {
  const events: string[] = [];
  const parser = new SseParser((data) => events.push(data));
  for (const chunk of chunks) parser.write(Buffer.from(chunk));
  parser.end();
  return events;
}

/** Cuts bytes at the positions given, modulo their number. */
function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, i) => bytes.subarray(start, places[i] ?? bytes.length));
}

describe('server-sent events', () => {
  it.each([
    ['data: a\n\ndata: b\n\n', ['a', 'b']],
    ['data:a\r\n\r\ndata:  b\r\n\r\n', ['a', ' b']],
    [': keep-alive\n\ndata: a\n\n', ['a']],
    ['event: x\nid: 1\nretry: 5\ndata: a\ndata: b\ndata\n\n', ['a\nb\n']],
    ['database: a\n\n', []],
    ['data: [DONE]', ['[DONE]']],
    ['\n\n\n', []],
  ])('%j → %j', (text, events) => {
    expect(parse([Buffer.from(text)])).toEqual(events);
  });

  it('gives the same events however the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll(/[\r\n]/g, ''));
    const field = fc.oneof(
      line.map((text) => `data: ${text}`),
      line.map((text) => `: ${text}`),
      line.map((text) => `event: ${text}`),
      fc.constant(''),
    );
    const document = fc.array(fc.tuple(field, fc.constantFrom('\n', '\r\n')), { maxLength: 30 });
    fc.assert(
      fc.property(document, fc.array(fc.nat(), { maxLength: 40 }), (lines, at) => {
        const bytes = Buffer.from(lines.flat().join(''));
        expect(parse(cut(bytes, at))).toEqual(parse([bytes]));
      }),
    );
  });

  it('refuses a line without an end instead of keeping it all', () => {
    const parser = new SseParser(() => undefined);
    const part = Buffer.alloc(300_000, 'x');
    expect(() => {
      for (let i = 0; i < 4; i += 1) parser.write(part);
    }).toThrow('a line that is too long');
  });

  it('refuses an event of endless lines', () => {
    const parser = new SseParser(() => undefined);
    const line = Buffer.from(`data: ${'x'.repeat(100_000)}\n`);
    expect(() => {
      for (let i = 0; i < 50; i += 1) parser.write(line);
    }).toThrow('an event that is too long');
  });
});
