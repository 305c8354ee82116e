import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { connect } from 'node:net';
import { devKey, saysAndWaits, startPlatform, type Platform } from '../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ bodyLimit: 4_096, fileLimit: 1_024, headersTimeoutMs: 300, receiveTimeoutMs: 600 });
});
afterAll(() => platform.stop());

const chat = '/v1/chat/completions';
const ok = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };
const auth = { authorization: `Bearer ${devKey}` };
const json = { ...auth, 'content-type': 'application/json' };

interface Case {
  given: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | object;
  status: number;
  code: string;
  param?: string | null;
}

const message = (fields: object) => ({ model: 'm', messages: [{ role: 'user', content: 'Hi' }, fields] });

const cases: Case[] = [
  { given: 'malformed JSON', body: '{"model": "m", ', status: 400, code: 'invalid_json' },
  { given: 'text that is not JSON', body: 'hello', status: 400, code: 'invalid_json' },
  { given: 'no body at all', body: '', status: 400, code: 'invalid_request' },
  { given: 'an array', body: [], status: 400, code: 'invalid_request' },
  { given: 'null', body: 'null', status: 400, code: 'invalid_request' },
  { given: 'no model', body: { messages: ok.messages }, status: 400, code: 'invalid_request', param: 'model' },
  { given: 'a number for a model', body: { ...ok, model: 5 }, status: 400, code: 'invalid_request', param: 'model' },
  { given: 'an empty model', body: { ...ok, model: '' }, status: 400, code: 'invalid_request', param: 'model' },
  { given: 'no messages', body: { model: 'm' }, status: 400, code: 'invalid_request', param: 'messages' },
  { given: 'empty messages', body: { ...ok, messages: [] }, status: 400, code: 'invalid_request', param: 'messages' },
  {
    given: 'messages as text',
    body: { ...ok, messages: 'Hi' },
    status: 400,
    code: 'invalid_request',
    param: 'messages',
  },
  {
    given: 'a message that is text',
    body: { ...ok, messages: ['Hi'] },
    status: 400,
    code: 'invalid_request',
    param: 'messages[0]',
  },
  {
    given: 'a role nobody has',
    body: message({ role: 'robot', content: '' }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].role',
  },
  { given: 'no role', body: message({ content: '' }), status: 400, code: 'invalid_request', param: 'messages[1].role' },
  {
    given: 'a number as content',
    body: message({ role: 'user', content: 5 }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].content',
  },
  {
    given: 'no content',
    body: message({ role: 'user' }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].content',
  },
  {
    given: 'no parts',
    body: message({ role: 'user', content: [] }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].content',
  },
  {
    given: 'a part of no known type',
    body: message({ role: 'user', content: [{ type: '__proto__' }] }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].content[0].type',
  },
  {
    given: 'an image without a URL',
    body: message({ role: 'user', content: [{ type: 'image_url', image_url: {} }] }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].content[0].image_url.url',
  },
  {
    given: 'a tool message without its call',
    body: message({ role: 'tool', content: '' }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].tool_call_id',
  },
  {
    given: 'tool calls that are none',
    body: message({ role: 'assistant', tool_calls: [{}] }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].tool_calls[0].id',
  },
  {
    given: 'a hot temperature',
    body: { ...ok, temperature: 3 },
    status: 400,
    code: 'invalid_request',
    param: 'temperature',
  },
  {
    given: 'a temperature as text',
    body: { ...ok, temperature: '1' },
    status: 400,
    code: 'invalid_request',
    param: 'temperature',
  },
  {
    given: 'a negative max_tokens',
    body: { ...ok, max_tokens: -1 },
    status: 400,
    code: 'invalid_request',
    param: 'max_tokens',
  },
  {
    given: 'half a token',
    body: { ...ok, max_completion_tokens: 1.5 },
    status: 400,
    code: 'invalid_request',
    param: 'max_completion_tokens',
  },
  { given: 'too many choices', body: { ...ok, n: 9 }, status: 400, code: 'invalid_request', param: 'n' },
  { given: 'stream as text', body: { ...ok, stream: 'yes' }, status: 400, code: 'invalid_request', param: 'stream' },
  {
    given: 'stream options without a stream',
    body: { ...ok, stream_options: {} },
    status: 400,
    code: 'invalid_request',
    param: 'stream_options',
  },
  { given: 'stop as a number', body: { ...ok, stop: [1] }, status: 400, code: 'invalid_request', param: 'stop[0]' },
  {
    given: 'a tool without a name',
    body: { ...ok, tools: [{ type: 'function', function: {} }] },
    status: 400,
    code: 'invalid_request',
    param: 'tools[0].function.name',
  },
  {
    given: 'a format nobody knows',
    body: { ...ok, response_format: { type: 'xml' } },
    status: 400,
    code: 'invalid_request',
    param: 'response_format.type',
  },
  {
    given: 'a bad conversation id',
    body: { ...ok, flotilla: { conversation_id: 'a b' } },
    status: 400,
    code: 'invalid_request',
    param: 'flotilla.conversation_id',
  },
  {
    given: 'rag as a number',
    body: { ...ok, flotilla: { rag: 5 } },
    status: 400,
    code: 'invalid_request',
    param: 'flotilla.rag',
  },
  {
    given: 'too many passages',
    body: { ...ok, flotilla: { rag: { limit: 21 } } },
    status: 400,
    code: 'invalid_request',
    param: 'flotilla.rag.limit',
  },
  {
    given: 'a parameter nested beyond reason',
    body: `{"model":"m","messages":[{"role":"user","content":"Hi"}],"x":${'['.repeat(1_500)}${']'.repeat(1_500)}}`,
    status: 400,
    code: 'invalid_request',
    param: 'x',
  },
  { given: 'a body over the limit', body: { ...ok, x: 'y'.repeat(5_000) }, status: 413, code: 'err_payload_too_large' },
  {
    given: 'another content type',
    headers: { ...auth, 'content-type': 'text/plain' },
    body: ok,
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    given: 'a form',
    headers: { ...auth, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'a=b',
    status: 415,
    code: 'unsupported_media_type',
  },
  { given: 'no key', headers: { 'content-type': 'application/json' }, body: ok, status: 401, code: 'invalid_api_key' },
  {
    given: 'a wrong key',
    headers: { ...json, authorization: 'Bearer sk-wrong' },
    body: ok,
    status: 401,
    code: 'invalid_api_key',
  },
  {
    given: 'another scheme',
    headers: { ...json, authorization: 'Basic abc' },
    body: ok,
    status: 401,
    code: 'invalid_api_key',
  },
  {
    given: 'a key too long to be one',
    headers: { ...json, authorization: `Bearer ${'x'.repeat(2_000)}` },
    body: ok,
    status: 401,
    code: 'invalid_api_key',
  },
  { given: 'an unknown URL', method: 'GET', path: '/v1/nothing', status: 404, code: 'unknown_url' },
  {
    given: 'an unknown URL without a key',
    method: 'GET',
    path: '/nothing',
    headers: {},
    status: 404,
    code: 'unknown_url',
  },
  { given: 'another method', method: 'GET', path: chat, status: 405, code: 'method_not_allowed' },
  {
    given: 'another method on an item',
    method: 'PUT',
    path: '/v1/files/file-1',
    status: 405,
    code: 'method_not_allowed',
  },
  {
    given: 'a URL that is not well-formed',
    method: 'GET',
    path: '/v1/files/%zz',
    status: 400,
    code: 'invalid_request',
  },
  {
    given: 'an unknown model',
    method: 'GET',
    path: '/v1/models/nope',
    status: 404,
    code: 'model_not_found',
    param: 'model',
  },
  { given: 'an unknown file', method: 'GET', path: '/v1/files/nope', status: 404, code: 'not_found' },
  { given: 'an unknown store', method: 'DELETE', path: '/v1/vector_stores/nope', status: 404, code: 'not_found' },
  { given: 'an unknown conversation', method: 'GET', path: '/v1/conversations/nope', status: 404, code: 'not_found' },
  {
    given: 'a page of no size',
    method: 'GET',
    path: '/v1/files?limit=0',
    status: 400,
    code: 'invalid_request',
    param: 'limit',
  },
  { given: 'JSON for a file', path: '/v1/files', body: {}, status: 415, code: 'unsupported_media_type' },
  {
    given: 'a form without an end',
    path: '/v1/files',
    headers: { ...auth, 'content-type': 'multipart/form-data; boundary=x' },
    body: '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
    status: 400,
    code: 'invalid_request',
  },
  {
    given: 'a form without a boundary',
    path: '/v1/files',
    headers: { ...auth, 'content-type': 'multipart/form-data' },
    body: 'abc',
    status: 400,
    code: 'invalid_request',
  },
  {
    given: 'a file id that is a number',
    path: '/v1/vector_stores/vs_1/files',
    body: { file_id: 5 },
    status: 400,
    code: 'invalid_request',
    param: 'file_id',
  },
  {
    given: 'a search for nothing',
    path: '/v1/vector_stores/vs_1/search',
    body: { query: '' },
    status: 400,
    code: 'invalid_request',
    param: 'query',
  },
];

describe('bad input', () => {
  it.each(cases)(
    '$given: $status $code $param',
    async ({ method = 'POST', path = chat, headers, body, status, code, param }) => {
      const response = await fetch(platform.url + path, {
        method,
        headers: headers ?? (method === 'POST' ? json : auth),
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      });
      const answer = (await response.json()) as { error: Record<string, unknown> };
      expect({ status: response.status, ...answer.error }).toEqual({
        status,
        code,
        param: param ?? null,
        type: expect.any(String),
        message: expect.any(String),
      });
      expect(response.headers.get('x-request-id')).toBeTruthy();
      expect(response.headers.get('x-should-retry')).toBe('false');
      if (status === 401) expect(response.headers.get('www-authenticate')).toContain('Bearer');
      if (status === 405) expect(response.headers.get('allow')).toBeTruthy();
      expect(platform.behind.chats).toEqual([]);
    },
  );

  it('says nothing of the body it could not parse', async () => {
    const response = await fetch(platform.url + chat, { method: 'POST', headers: json, body: 'my secret prompt' });
    expect(await response.text()).not.toContain('secret');
  });

  it.each([
    ['declared', JSON.stringify({ ...ok, x: 'y'.repeat(20_000_000) })],
    ['undeclared', new Blob(['y'.repeat(20_000_000)]).stream()],
  ])('is refused also when it is enormous (its length %s)', async (_what, sent) => {
    const init = { method: 'POST', headers: json, body: sent, duplex: 'half' } as RequestInit;
    const response = await fetch(platform.url + chat, init);
    expect(response.status).toBe(413);
  });

  it('of a type nobody reads is 404 or 405 where nobody would read it', async () => {
    const send = async (method: string, path: string) => {
      const init = { method, headers: { 'content-type': 'application/x-thing' }, body: 'x' };
      return (await fetch(platform.url + path, init)).status;
    };
    expect(await send('POST', '/v1/nothing')).toBe(404);
    expect(await send('PUT', chat)).toBe(405);
  });

  it('cannot be smuggled by a key that stands twice', async () => {
    const body =
      '{"model":"m","messages":[{"role":"user","content":"Hi"}],"top_k":1,"top_k":2,"__proto__":{"max_tokens":9}}';
    await fetch(platform.url + chat, { method: 'POST', headers: json, body });
    expect(platform.behind.chats.pop()!.parametersJson).toBe('{"top_k":2,"__proto__":{"max_tokens":9}}');
  });
});

/** What a server says on a raw connection until it closes it. */
function raw(text: string): Promise<string> {
  const { port, hostname } = new URL(platform.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

const head = (length: number) =>
  `POST ${chat} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${devKey}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

describe('a connection', () => {
  it('that does not speak HTTP is told so and closed', async () => {
    expect(await raw('\x16\x03\x01 not http\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"invalid_request"/);
  });

  it('that sends garbage after a request gets its answer first', async () => {
    const body = JSON.stringify(ok);
    const answer = await raw(`${head(Buffer.byteLength(body))}${body}GARBAGE\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 (200|400) /);
  });

  it('that sends garbage while a stream runs gets no second head inside it', async () => {
    const waits = saysAndWaits();
    platform.behind.chat = waits.chat;
    const body = JSON.stringify({ ...ok, stream: true });
    const { port, hostname } = new URL(platform.url);
    let answer = '';
    const socket = connect(Number(port), hostname);
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => undefined);
    socket.write(head(Buffer.byteLength(body)) + body);
    await until(() => answer.includes('"one"'));
    socket.write('GARBAGE\r\n\r\n');
    await waits.left;
    await until(() => socket.closed);
    expect(answer.split('HTTP/1.1').length).toBe(2);
  });

  it('that never ends its headers is closed', async () => {
    expect(await raw('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that never ends its body is closed', async () => {
    expect(await raw(`${head(1_000)}{"model":`)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('with headers beyond any use is told so', async () => {
    expect(await raw(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });
});
