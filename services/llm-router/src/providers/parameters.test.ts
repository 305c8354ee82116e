import { describe, expect, it } from '@jest/globals';
import { furtherFields } from './parameters.ts';

describe('further fields of a request', () => {
  it.each([
    ['', ''],
    ['{}', ''],
    [' { "temperature": 0.20 } ', '"temperature": 0.20'],
    ['{"tools":[{"function":{"name":"f"}}]}', '"tools":[{"function":{"name":"f"}}]'],
  ])('%j are passed on as they are', (json, inside) => {
    expect(furtherFields(json)).toBe(inside);
  });

  it.each(['model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens'])(
    'never hold a second %s',
    (name) => {
      expect(furtherFields(`{"a":1,"${name}" : 5}`)).toBe('"a":1');
      const escaped = `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`;
      expect(furtherFields(`{"a":1,"${escaped}":5}`)).toBe('"a":1');
    },
  );

  it('keep such a name where it is not a field of the request', () => {
    const inside = '"tools":[{"parameters":{"properties":{"model":{"type":"string"}}}}]';
    expect(furtherFields(`{${inside}}`)).toBe(inside);
  });

  it.each(['[]', 'null', '5', '{"a":', '{"model":1,}'])('%j is refused', (json) => {
    expect(() => furtherFields(json)).toThrow('not a JSON object');
  });
});
