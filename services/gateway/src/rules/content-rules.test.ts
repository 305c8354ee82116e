import { describe, expect, it } from '@jest/globals';
import { createMemoryBus, rulesChanged } from '@flotilla/bus';
import type { chat } from '@flotilla/contracts';
import { liveValue, parsePlatformFile, type ContentRule } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import type { ChatBody } from '../chat/chat-body.ts';
import { readChatBody } from '../chat/chat-body.ts';
import { ContentRules, type RuleSource } from './content-rules.ts';

const block = (id: string, pattern: string, org = '*'): ContentRule => ({
  ...{ id, org, pattern, kind: 'block', message: `No ${id}.`, enabled: true },
});
const guide = (id: string, pattern: string, org = '*'): ContentRule => ({
  ...{ id, org, pattern, kind: 'guide', message: `Mind ${id}.`, enabled: true },
});

const body = (...messages: [string, string][]): ChatBody =>
  readChatBody({ model: 'm', messages: messages.map(([role, content]) => ({ role, content, tool_call_id: 'c' })) });
const said = ({ messages }: ChatBody) => messages.map(({ role, content }: chat.Message) => [role, content]);

/** Rules of a file and of a database that can be down. */
async function setUp(inFile: ContentRule[] = [], stored: ContentRule[] = [], textLimit = 1_000) {
  const clock = createFakeClock();
  const bus = createMemoryBus();
  const file = liveValue({ ...parsePlatformFile(''), rules: inFile });
  const state = { stored, down: false };
  const source: RuleSource = {
    async load(orgId) {
      if (state.down) throw new Error('connection refused');
      return state.stored.filter(({ org }) => orgId === undefined || org === orgId);
    },
  };
  const rules = new ContentRules({ file, source, bus, clock, textLimit });
  return { clock, bus, file, state, rules };
}
async function started(...given: Parameters<typeof setUp>) {
  const all = await setUp(...given);
  await all.rules.start();
  return all;
}

describe('a content rule', () => {
  it('that blocks answers with its message; without one the body passes as it is', async () => {
    const { rules } = await started([block('exams', '(?i)exam answers')]);
    expect(rules.apply('acme', body(['user', 'Give me EXAM answers']))).toEqual({
      ...{ kind: 'blocked', message: 'No exams.', ruleId: 'exams' },
    });
    const harmless = body(['user', 'Hello']);
    expect(rules.apply('acme', harmless)).toEqual({ kind: 'pass', body: harmless });
  });

  it('examines what people and tools say anywhere in the request, and nothing else', async () => {
    const { rules } = await started([block('word', 'forbidden')]);
    const kindOf = (...messages: [string, string][]) => rules.apply('acme', body(...messages)).kind;
    expect(kindOf(['user', 'forbidden'], ['assistant', 'no'], ['user', 'hello'])).toBe('blocked');
    expect(kindOf(['user', 'hello'], ['tool', 'forbidden'])).toBe('blocked');
    expect(kindOf(['system', 'Never say forbidden'], ['assistant', 'forbidden'], ['user', 'hello'])).toBe('pass');
  });

  it('that guides adds its instruction after the system messages of the client, several in one message', async () => {
    const { rules } = await started([guide('health', 'doctor'), guide('law', 'lawyer')]);
    const given = body(['system', 'Be kind'], ['user', 'A doctor and a lawyer'], ['system', 'late']);
    const outcome = rules.apply('acme', given);
    expect(outcome.kind === 'pass' && said(outcome.body)).toEqual([
      ['system', 'Be kind'],
      ['system', 'Mind health.\n\nMind law.'],
      ['user', 'A doctor and a lawyer'],
      ['system', 'late'],
    ]);
    expect(given.messages).toHaveLength(3);
  });

  it('that blocks wins over one that guides', async () => {
    const { rules } = await started([guide('law', 'lawyer'), block('word', 'forbidden')]);
    expect(rules.apply('acme', body(['user', 'a lawyer, forbidden'])).kind).toBe('blocked');
  });

  it('refuses more text than it can examine, unless it only guides', async () => {
    const long = body(['user', 'forbidden'], ['user', 'x'.repeat(10)]);
    const blocks = await started([block('word', 'forbidden')], [], 10);
    expect(() => blocks.rules.apply('acme', long)).toThrow('can examine 10 characters');
    const guides = await started([guide('word', 'forbidden')], [], 10);
    expect(guides.rules.apply('acme', long)).toEqual({ kind: 'pass', body: long });
  });

  it('of the database overrides that of the file with its organisation and id; nobody overrides what holds for all', async () => {
    const inFile = [block('a', 'one'), block('b', 'two', 'acme')];
    const { rules } = await started(inFile, [
      { ...block('b', 'two', 'acme'), enabled: false },
      { ...block('a', 'one', 'acme'), enabled: false },
    ]);
    expect(rules.apply('acme', body(['user', 'two'])).kind).toBe('pass');
    expect(rules.apply('acme', body(['user', 'one'])).kind).toBe('blocked');
  });

  it('holds for its own organisation only', async () => {
    const { rules } = await started([], [block('word', 'forbidden', 'acme')]);
    expect(rules.apply('acme', body(['user', 'forbidden'])).kind).toBe('blocked');
    expect(rules.apply('globex', body(['user', 'forbidden'])).kind).toBe('pass');
  });

  it('with a pattern that is not of RE2 leaves the others in force', async () => {
    const { rules } = await started([block('bad', '(a)\\1'), block('word', 'forbidden')]);
    expect(rules.apply('acme', body(['user', 'forbidden aa'])).kind).toBe('blocked');
  });
});

describe('a change of rules', () => {
  it('is in force once it is announced, or after the next refresh when the event is lost', async () => {
    const { rules, state, bus, clock } = await started();
    const kind = () => rules.apply('acme', body(['user', 'forbidden'])).kind;
    expect(kind()).toBe('pass');
    state.stored = [block('word', 'forbidden', 'acme')];
    await bus.publish(rulesChanged, { orgId: 'acme' });
    await clock.advanceAsync(0);
    expect(kind()).toBe('blocked');
    state.stored = [];
    await clock.advanceAsync(30_000);
    expect(kind()).toBe('pass');
    state.stored = [block('word', 'forbidden')];
    await bus.publish(rulesChanged, { orgId: '*' });
    await clock.advanceAsync(0);
    expect(kind()).toBe('blocked');
  });

  it('in the file is in force at once', async () => {
    const { rules, file } = await started();
    file.set({ ...file.current, rules: [block('word', 'forbidden')] });
    expect(rules.apply('acme', body(['user', 'forbidden'])).kind).toBe('blocked');
  });
});

describe('a database that is down', () => {
  it('leaves the last good rules in force', async () => {
    const { rules, state, clock } = await started([], [block('word', 'forbidden')]);
    state.down = true;
    await clock.advanceAsync(120_000);
    expect(rules.apply('acme', body(['user', 'forbidden'])).kind).toBe('blocked');
  });

  it('holds the start back for ten seconds; then the rules of the file hold alone until it is back', async () => {
    const { rules, state, clock } = await setUp([block('one', 'one')], [block('two', 'two')]);
    state.down = true;
    let up = false;
    const starting = rules.start().then(() => (up = true));
    await clock.advanceAsync(9_000);
    expect(up).toBe(false);
    await clock.advanceAsync(1_000);
    await starting;
    expect(rules.apply('acme', body(['user', 'one'])).kind).toBe('blocked');
    expect(rules.apply('acme', body(['user', 'two'])).kind).toBe('pass');
    state.down = false;
    await clock.advanceAsync(1_000);
    expect(rules.apply('acme', body(['user', 'two'])).kind).toBe('blocked');
    await rules.stop();
  });
});
