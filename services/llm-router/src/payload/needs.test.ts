import { describe, expect, it } from '@jest/globals';
import { platformFileSchema } from '@flotilla/kernel';
import { generateRequest } from '../router.fixture.ts';
import { meetNeeds, strippedNotices } from './needs.ts';

const targets = [{ provider: 'local' }];
const picture = { type: 'image_url', image_url: { url: 'https://example.com/cat.png' } };

function fileOf(model: object = {}, payload: object = {}) {
  return platformFileSchema.parse({
    providers: [{ name: 'local', kind: 'vllm' }],
    models: [
      { name: 'plain', targets, capabilities: ['chat'], ...model },
      { name: 'sees', targets, capabilities: ['chat', 'vision', 'tools', 'json', 'reasoning'] },
      { name: 'unknown', targets },
    ],
    payload,
  });
}

const withImage = generateRequest({
  messages: [
    {
      ...generateRequest().messages[0]!,
      content: 'What is this?',
      partsJson: JSON.stringify([{ type: 'text', text: 'What is this?' }, picture]),
    },
  ],
});
const withFields = (fields: object) => generateRequest({ parametersJson: JSON.stringify(fields) });

const needs: [string, ReturnType<typeof generateRequest>, string][] = [
  ['images', withImage, 'messages'],
  ['tools', withFields({ tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'auto' }), 'tools'],
  ['json', withFields({ response_format: { type: 'json_schema', json_schema: { name: 's' } } }), 'response_format'],
  ['reasoning', withFields({ reasoning_effort: 'high' }), 'reasoning_effort'],
];

function meet(request: (typeof needs)[number][1], name: string, file = fileOf()) {
  return meetNeeds(
    request,
    file.models.find((model) => model.name === name),
    file,
  );
}

describe('a request that needs what its model is configured not to have', () => {
  it.each(needs)('is refused for its %s, and told which model can', (_, request, param) => {
    expect(() => meet(request, 'plain')).toThrow(
      expect.objectContaining({
        code: 'capability_mismatch',
        message: expect.stringMatching(/"plain" takes no .* Ask "sees"\./),
        details: expect.objectContaining({ param }),
      }),
    );
  });

  it.each(needs)('goes on without its %s where the file says to strip them', (what, request) => {
    const file = fileOf({}, { without: { [what]: 'strip' } });
    const met = meet(request, 'plain', file);
    expect(met.stripped.map((one) => one.what)).toEqual([what]);
    expect(met.request.parametersJson).toBe(what === 'images' ? '' : '{}');
    expect(strippedNotices(met, 'plain')[0]).toMatchObject({ code: `${what}_stripped` });
  });

  it('has a line of text in the place of a stripped image', () => {
    const met = meet(withImage, 'plain', fileOf({ payload: { without: { images: 'strip' } } }));
    expect(met.request.messages[0]).toMatchObject({
      content: 'What is this?\n[image removed: plain takes text only]',
      partsJson: '',
    });
  });

  it('passes where the model says so, over what holds for all', () => {
    const file = fileOf({ payload: { without: { tools: 'pass' } } }, { without: { tools: 'strip' } });
    expect(meet(needs[1]![1], 'plain', file).request).toBe(needs[1]![1]);
  });
});

describe('a request that is passed on as it is', () => {
  it.each(needs)('needs %s of a model that has them', (_, request) => {
    expect(meet(request, 'sees')).toEqual({ request, stripped: [] });
  });

  it.each(needs)('needs %s of a model whose capabilities nobody configured', (_, request) => {
    expect(meet(request, 'unknown').request).toBe(request);
    expect(meet(request, 'known to engines only').request).toBe(request);
  });

  it('only looks as if it needed something', () => {
    const file = fileOf();
    for (const fields of [
      { tools: [] },
      { tools: null, tool_choice: 'none' },
      { response_format: { type: 'text' } },
      { reasoning_effort: 'none' },
      { user: 'asks for "tools" and "response_format"' },
    ]) {
      const request = withFields(fields);
      expect(meet(request, 'plain', file).request).toBe(request);
    }
    const text = generateRequest({
      messages: [
        {
          ...generateRequest().messages[0]!,
          partsJson: JSON.stringify([{ type: 'text', text: 'the type "image_url"' }]),
        },
      ],
    });
    expect(meet(text, 'plain', file).request).toBe(text);
  });
});
