import { describe, expect, it } from '@jest/globals';
import { providerSchema } from '@flotilla/kernel';
import fc from 'fast-check';
import { answerKey } from './answer-key.ts';
import { plan, resolution, type Asking } from './cache.fixture.ts';

const providers = [providerSchema.parse({ name: 'p', kind: 'vllm', base_url: 'http://a' })];
const key = (asking: Asking = {}, of = providers) => answerKey(plan(asking), of)!;
const exact = (asking: Asking = {}, of = providers) => key(asking, of).exact;
const scope = (asking: Asking, facts = 'f') => key(asking).scope(facts);
const parameters = (fields: object): Asking => ({ parametersJson: JSON.stringify(fields) });

describe('what is the same request', () => {
  it('is it in whatever order its parameters come, and whoever of the organisation asks', () => {
    const one = '{"temperature":0,"response_format":{"type":"json_schema","json_schema":{"a":[1,2],"b":2}}}';
    const other =
      ' {"response_format":{"json_schema":{"b":2,"a":[1,2]},"type":"json_schema"},"user":"u","temperature":0.0}';
    expect(exact({ parametersJson: one })).toBe(exact({ parametersJson: other }));
    expect(exact({ stream: true })).toBe(exact({ stream: false }));
    expect(exact({ conversationId: 'c' })).toBe(exact());
  });

  it.each<[string, Asking]>([
    ['organisation', { org: 'rival' }],
    ['model', { model: 'n' }],
    ['provider', { resolution: resolution('m', { provider: 'q' }) }],
    ['configuration of the model', { resolution: resolution('m', { entry: { targets: [{ provider: 'p' }] } }) }],
    ['system prompt', { system: 'Be brief.' }],
    ['question', { question: 'Hello' }],
    ['role', { messages: [{ role: 'assistant', content: 'hello' }] }],
    ['name', { messages: [{ role: 'user', content: 'hello', name: 'ann' }] }],
    ['image', { messages: [{ role: 'user', content: 'hello', partsJson: '[{"type":"image_url"}]' }] }],
    [
      'history',
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'user', content: 'hello' },
        ],
      },
    ],
    ['bound on its length', { maxTokens: 5 }],
    ['temperature', parameters({ temperature: 0 })],
    ['seed', parameters({ seed: 1 })],
    ['seed beyond what JavaScript tells apart', { parametersJson: '{"seed":9007199254740993}' }],
    ['number of choices', parameters({ n: 2 })],
    ['stop', parameters({ stop: ['a'] })],
    ['tools', parameters({ tools: [{ type: 'function' }] })],
    ['engine’s own parameter', parameters({ guided_regex: 'a' })],
  ])('is another with another %s', (_, asking) => {
    expect(exact(asking)).not.toBe(exact());
  });

  it('tells seeds apart that JavaScript rounds to one', () => {
    expect(exact({ parametersJson: '{"seed":9007199254740993}' })).not.toBe(
      exact({ parametersJson: '{"seed":9007199254740992}' }),
    );
  });

  it('is another once the provider is elsewhere, and another in an arm of an experiment', () => {
    const moved = [{ ...providers[0]!, base_url: 'http://b' }];
    expect(exact({}, moved)).not.toBe(exact());
    const inArm = { ...plan(), routing: { ...plan().routing, experiment: 'e', arm: 'b' } };
    expect(answerKey(inArm, providers)!.exact).not.toBe(exact());
  });

  it('is none when the parameters cannot be read, or nothing is said', () => {
    for (const parametersJson of ['{', '[]', 'null']) expect(answerKey(plan({ parametersJson }), [])).toBeUndefined();
    expect(answerKey(plan({ messages: [] }), [])).toBeUndefined();
  });
});

describe('the scope of like questions', () => {
  it('does not depend on the question, and on everything else', () => {
    expect(scope({ question: 'one' })).toBe(scope({ question: 'two' }));
    expect(scope({ system: 'a' })).not.toBe(scope({ system: 'b' }));
    expect(scope({}, 'f')).not.toBe(scope({}, 'g'));
    expect(scope({ org: 'acme' })).not.toBe(scope({ org: 'rival' }));
    expect(scope(parameters({ temperature: 0 }))).not.toBe(scope({}));
  });

  it('cannot be made to be a key by what is said', () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const message = fc.record({ role: text, content: text, name: text });
    const asking = fc.record({
      org: text,
      maxTokens: fc.nat(3),
      messages: fc.array(message, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(asking, asking, (one, other) => {
        expect(exact(one) === exact(other)).toBe(JSON.stringify(plan(one)) === JSON.stringify(plan(other)));
        expect(scope(one, one.messages.at(-1)!.content)).not.toBe(exact(other));
      }),
    );
  });
});
