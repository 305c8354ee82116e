// An OpenAI-compatible engine of fixed cost, for measuring what stands in front of it.
// node engine.js PORT   env: NT tokens per answer (32), ITL ms between tokens (0: as fast as the loop turns), TTFT ms (0)
import http from 'node:http';

const tokens = Number(process.env.NT ?? 32);
const interTokenMs = Number(process.env.ITL ?? 0);
const firstTokenMs = Number(process.env.TTFT ?? 0);
const model = 'm';

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const words = Array.from({ length: tokens }, (_, i) => ` w${i}`);
const usage = { prompt_tokens: 100, completion_tokens: tokens, total_tokens: 100 + tokens };
const chunk = (choices: object[], extra: object = {}) =>
  event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model, choices, ...extra });
const whole = JSON.stringify({
  ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model, usage },
  choices: [{ index: 0, message: { role: 'assistant', content: words.join('') }, finish_reason: 'stop' }],
});
const chunks = [
  chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...words.map((content) => chunk([{ index: 0, delta: { content }, finish_reason: null }])),
  chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
  chunk([], { usage }),
  'data: [DONE]\n\n',
];

const gauges = ['num_requests_running', 'num_requests_waiting', 'kv_cache_usage_perc']
  .map((name) => `vllm:${name}{model_name="${model}"} 0\n`)
  .join('');

function json(response: http.ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(body);
}

function stream(response: http.ServerResponse): void {
  let next = 0;
  const step = () => {
    if (response.destroyed) return;
    response.write(chunks[next++]);
    if (next >= chunks.length) return void response.end();
    if (interTokenMs > 0) setTimeout(step, interTokenMs);
    else setImmediate(step);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  setTimeout(step, firstTokenMs);
}

http
  .createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (data: string) => (body += data));
    request.on('end', () => {
      const url = request.url ?? '';
      if (url.startsWith('/v1/models')) {
        return json(
          response,
          JSON.stringify({ object: 'list', data: [{ id: model, object: 'model', created: 1, owned_by: 'bench' }] }),
        );
      }
      if (url === '/health') return json(response, '{}');
      if (url === '/metrics') {
        response.writeHead(200, { 'content-type': 'text/plain' });
        return response.end(gauges);
      }
      if (/"stream"\s*:\s*true/.test(body)) return stream(response);
      setTimeout(() => json(response, whole), firstTokenMs + interTokenMs * tokens);
    });
  })
  .listen(Number(process.argv[2]), '127.0.0.1', () => console.log('engine ready'));
