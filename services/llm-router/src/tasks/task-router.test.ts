import { describe, expect, it } from '@jest/globals';
import { prometheusText } from '@flotilla/telemetry';
import type { z } from 'zod';
import type { router } from '@flotilla/contracts';
import type { routingSchema } from '@flotilla/kernel';
import { facts, registryOf } from '../registry/registry.fixture.ts';
import { generateRequest } from '../router.fixture.ts';
import { TaskRouter } from './task-router.ts';

const provider = { name: 'p', kind: 'vllm' as const, base_url: 'http://p/v1' };
const model = (name: string, more: object = {}) => ({ name, targets: [{ provider: 'p', model: name }], ...more });

const small = { input: 0.1, output: 0.1 };
const large = { input: 5, output: 15 };
/** A cheap one, a dear one, and one for code. */
const fleet = {
  providers: [provider],
  models: [
    model('small', { price: small, capabilities: ['chat', 'json'], context_window: 8_000 }),
    model('large', { price: large, capabilities: ['chat', 'json', 'tools', 'vision'], context_window: 200_000 }),
    model('coder', { price: small, capabilities: ['chat', 'tools'], adapters: [{ name: 'sql-lora' }] }),
  ],
};
const candidates = {
  small: { quality: { default: 0.6 } },
  large: { quality: { default: 0.9 } },
  coder: { quality: { default: 0.4, code: 0.92 } },
};
const engines = [facts('p', ['small', 'large', 'coder', 'sql-lora'])];

type Routing = z.input<typeof routingSchema>;

function tasksOf(routing: Routing = {}, file: object = fleet, running = engines) {
  const { registry, set } = registryOf({ ...file, routing: { candidates, ...routing } }, running);
  const tasks = new TaskRouter(registry);
  const route = (content: string, request: Partial<router.GenerateRequest> = {}) =>
    tasks.route(
      generateRequest({
        model: 'auto',
        messages: [{ role: 'user', content } as router.GenerateRequest['messages'][number]],
        ...request,
      }),
    )!;
  const chosen = (content: string, request: Partial<router.GenerateRequest> = {}) =>
    route(content, request).request.model;
  return { tasks, route, chosen, set, registry };
}

const caller = (orgId: string, models: string[] = []) => ({
  caller: { requestId: 'r', orgId, userId: '', keyId: 'k', tier: 't', models },
});
const hard = 'Prove that every group of order 15 is cyclic and derive the general theorem behind it, step by step.';

describe('auto', () => {
  it('is the model that does the task well for what it costs', () => {
    const { chosen } = tasksOf();
    expect(chosen('Write a Python function that parses a CSV file.')).toBe('coder');
    expect(chosen('Hi!')).toBe('small');
    expect(chosen(hard)).toBe('large');
  });

  it('leaves requests that name a model alone', () => {
    expect(tasksOf().tasks.route(generateRequest({ model: 'small' }))).toBeUndefined();
  });

  it.each([
    ['auto:cheap', 'small'],
    ['auto:best', 'large'],
  ])('%s weighs cost and quality as its name says', (name, expected) => {
    expect(tasksOf().chosen('What is the capital of Peru?', { model: name })).toBe(expected);
  });

  it('says why, in words that a header may hold', () => {
    const { routing } = tasksOf().route('Schreibe eine Python-Funktion, die eine Liste sortiert.', {
      model: 'auto:best',
      parametersJson: '{"tools":[{"type":"function"}]}',
    });
    expect(routing).toMatchObject({ task: 'code', policy: 'best' });
    expect(routing.reasons).toEqual([
      expect.stringMatching(/^task=code\([01]\.\d\d\)$/),
      expect.stringMatching(/^difficulty=0\.\d\d$/),
      'needs=tools',
      'lang=de',
      expect.stringMatching(/^quality=0\.\d\d$/),
      expect.stringMatching(/^cost=0\.\d\d$/),
      'of=2',
    ]);
    expect(routing.reasons.join()).toMatch(/^[\x21-\x7e]+$/);
  });

  it('reads what a short reply refers to', () => {
    const said = (role: string, content: string) => ({ role, content }) as router.GenerateRequest['messages'][number];
    const messages = [
      said('user', 'Write a TypeScript class for a binary search tree with deletion.'),
      said('assistant', 'With or without tests?'),
      said('user', 'with'),
    ];
    expect(tasksOf().chosen('', { messages })).toBe('coder');
  });

  it('counts its choices by task and model, and its refusals', () => {
    const { chosen } = tasksOf();
    chosen('Write a Python function that parses a CSV file.');
    expect(() => chosen('Hi', { model: 'auto:none' })).toThrow();
    const text = prometheusText();
    expect(text).toMatch(
      /flotilla_router_task_choices_total\{[^}]*model="coder"[^}]*task="code"[^}]*\}|flotilla_router_task_choices_total\{[^}]*task="code"[^}]*model="coder"[^}]*\}/,
    );
    expect(text).toMatch(/flotilla_router_task_refusals_total\{code="model_not_found"\}/);
  });
});

describe('what a request needs', () => {
  const image = {
    role: 'user',
    content: 'What is it?',
    partsJson: '[{"type":"image_url","image_url":{"url":"http://x/a.png"}}]',
  };

  it('comes before price and quality: images, tools, JSON and room', () => {
    const { chosen, route } = tasksOf();
    const seen = route('', { messages: [image as router.GenerateRequest['messages'][number]], model: 'auto:cheap' });
    expect([seen.request.model, seen.routing.task]).toEqual(['large', 'vision']);
    expect(chosen('Hi', { model: 'auto:cheap', parametersJson: '{"tools":[{"type":"function"}]}' })).toBe('coder');
    expect(chosen('Hi', { model: 'auto:cheap', parametersJson: '{"response_format":{"type":"json_object"}}' })).toBe(
      'small',
    );
    expect(chosen('The gulls followed her. '.repeat(3_000), { model: 'auto:cheap' })).toBe('coder');
  });

  it('is named when no model has it', () => {
    const models = [model('small', { capabilities: ['chat'], context_window: 4_000 })];
    const { chosen } = tasksOf({}, { providers: [provider], models }, [facts('p', ['small'])]);
    const messages = [image as router.GenerateRequest['messages'][number]];
    expect(() => chosen('', { messages, parametersJson: '{"tools":[{}]}' })).toThrow(
      expect.objectContaining({ code: 'capability_mismatch', message: expect.stringContaining('vision and tools') }),
    );
    expect(() => chosen('The gulls followed her. '.repeat(3_000))).toThrow(
      expect.objectContaining({ code: 'context_length_exceeded', message: expect.stringContaining('holds 4000') }),
    );
  });

  it('may be met by engines that do not tell what they can', () => {
    const { chosen } = tasksOf({ candidates: {} }, { providers: [provider] });
    expect(chosen('Hi', { parametersJson: '{"tools":[{}]}' })).toBeDefined();
  });
});

describe('a credential that may use some models', () => {
  it('gets one of those, whatever a rule or policy would name', () => {
    const { chosen } = tasksOf({ rules: [{ when: { task: ['math'] }, model: 'large' }] });
    expect(chosen(hard)).toBe('large');
    expect(chosen(hard, { ...caller('acme', ['sm*']), model: 'auto:best' })).toBe('small');
    expect(() => chosen(hard, caller('acme', ['other']))).toThrow(
      expect.objectContaining({ code: 'permission_denied' }),
    );
  });
});

describe('an organisation', () => {
  const policies = {
    frugal: { org: 'acme', cost_weight: 3 },
    coding: { models: ['coder', 'sql-*'], tasks: { code: 'sql-lora' } },
  };

  it('has policies of its own, which others do not see', () => {
    const { tasks, chosen } = tasksOf({ policies, org_policies: { acme: 'frugal' } });
    const names = (org: string) => tasks.models(org, 0).map(({ name }) => name);
    expect(names('acme')).toEqual(['auto', 'auto:cheap', 'auto:balanced', 'auto:best', 'auto:frugal', 'auto:coding']);
    expect(names('other')).not.toContain('auto:frugal');
    expect(chosen(hard, caller('acme'))).not.toBe('large');
    expect(chosen(hard, caller('other'))).toBe('large');
    expect(() => chosen('Hi', { ...caller('other'), model: 'auto:frugal' })).toThrow(
      'There is no policy "frugal". There are: auto:cheap, auto:balanced, auto:best, auto:coding.',
    );
  });

  it('may name a LoRA adapter for a task', () => {
    const { chosen } = tasksOf({ policies });
    expect(chosen('Write a SQL query that counts orders by day', { model: 'auto:coding' })).toBe('sql-lora');
  });

  it('may have rules, by words, language and size', () => {
    const rules = [
      { name: 'law', when: { contains: ['Contract'], org: 'acme' }, model: 'large' },
      { when: { language: ['de'] }, task: 'code' as const },
      { name: 'long', when: { min_tokens: 500 }, model: 'large' },
    ];
    const { route } = tasksOf({ rules });
    const law = route('is this contract ok', caller('acme'));
    expect([law.request.model, law.routing.reasons[0], law.routing.reasons.at(-1)]).toEqual([
      'large',
      'rule=law',
      'named',
    ]);
    expect(route('is this contract ok', caller('other')).request.model).toBe('small');
    const german = route('Guten Morgen, wie geht es dir und der Familie?');
    expect([german.routing.task, german.routing.reasons[0]]).toEqual(['code', 'rule=2']);
    expect(route('Hello there, my friend. '.repeat(200)).request.model).toBe('large');
  });
});

describe('a conversation', () => {
  const other = { conversationId: 'c-1' };

  it('stays with its model until another is clearly better', () => {
    const { route } = tasksOf({ stickiness: 1 });
    expect(route(hard, other).request.model).toBe('large');
    const next = route('Hi!', other);
    expect([next.request.model, next.routing.reasons.includes('kept')]).toEqual(['large', true]);
    expect(route('Hi!', { conversationId: 'c-2' }).request.model).toBe('small');
    expect(tasksOf({ stickiness: 0 }).chosen('Hi!', other)).toBe('small');
  });

  it('is no other organisation’s', () => {
    const { chosen } = tasksOf({ stickiness: 1 });
    chosen(hard, { ...other, ...caller('a') });
    expect(chosen('Hi!', { ...other, ...caller('b') })).toBe('small');
  });
});

describe('a task', () => {
  const tasks = { math: { system: 'Think step by step.', temperature: 0.2, top_p: 0.9 } };

  it('has a prompt and sampling, where the client gave none', () => {
    const { request } = tasksOf({ tasks }).route(hard, { parametersJson: '{"top_p":1,"seed":3}' });
    expect(JSON.parse(request.parametersJson)).toEqual({ top_p: 1, seed: 3, temperature: 0.2 });
    expect(request.messages.map(({ role, content }) => [role, content])).toEqual([
      ['system', 'Think step by step.'],
      ['user', hard],
    ]);
  });

  it('adds to the client’s own instructions only where it is told to', () => {
    const said = (role: string, content: string) => ({ role, content }) as router.GenerateRequest['messages'][number];
    const messages = [said('system', 'Be brief.'), said('user', hard)];
    const contents = (routing: Routing) =>
      tasksOf(routing)
        .route('', { messages })
        .request.messages.map((one) => one.content);
    expect(contents({ tasks })).toEqual(['Be brief.', hard]);
    expect(contents({ tasks: { math: { ...tasks.math, system_when: 'always' } } })).toEqual([
      'Be brief.',
      'Think step by step.',
      hard,
    ]);
  });
});

describe('the models there are', () => {
  it('that are ready go before those that must be started', () => {
    const file = {
      ...fleet,
      providers: [provider, { name: 'cold', kind: 'vllm' as const, base_url: 'http://cold/v1' }],
    };
    const twin = { name: 'twin', targets: [{ provider: 'cold', model: 'twin' }], price: small };
    const routing = { candidates: { small: candidates.small, twin: { quality: { default: 0.65 } } } };
    const down = [...engines, facts('cold', ['twin'], { ready: false })];
    expect(tasksOf(routing, { ...file, models: [...file.models, twin] }, down).chosen('Hi!')).toBe('small');
    const up = [...engines, facts('cold', ['twin'])];
    expect(tasksOf(routing, { ...file, models: [...file.models, twin] }, up).chosen('Hi!')).toBe('twin');
  });

  it('may change while it runs', () => {
    const { chosen, set } = tasksOf();
    expect(chosen('Hi!')).toBe('small');
    set({ providers: [provider], models: [model('large')], routing: {} });
    expect(chosen('Hi!')).toBe('large');
  });

  it('leave out those for tests, and adapters that nobody names', () => {
    const file = {
      providers: [provider],
      models: [model('mine', { adapters: [{ name: 'lora' }] }), model('lab', { testing: true })],
    };
    const { tasks, chosen } = tasksOf({ candidates: {} }, file, [facts('p', ['mine', 'lora', 'lab'])]);
    expect(chosen('Hi!')).toBe('mine');
    expect(tasks.models('', 0)).toEqual([]);
  });

  it('are guessed by name and size where nobody says more', () => {
    const running = [facts('p', ['llama-3.1-8b', 'qwen2.5-coder-7b', 'llama-3.3-70b'])];
    const { chosen } = tasksOf({ candidates: {} }, { providers: [provider] }, running);
    expect(chosen('Fix the bug in this Python function')).toBe('qwen2.5-coder-7b');
    expect(chosen(hard, { model: 'auto:best' })).toBe('llama-3.3-70b');
    expect(chosen('Hi!', { model: 'auto:cheap' })).toBe('llama-3.1-8b');
  });

  it('may be none', () => {
    expect(() => tasksOf({ candidates: {} }, {}, []).chosen('Hi')).toThrow(
      expect.objectContaining({ code: 'model_not_found', message: expect.stringContaining('no model that chats') }),
    );
  });
});
