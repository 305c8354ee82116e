// Engines that are there and idle, one port for each model and all addresses of this machine: what 10,000 fake pods answer with.
// node many-engines.js FIRST_PORT COUNT
import http from 'node:http';

const [firstPort = 0, count = 0] = process.argv.slice(2).map(Number);
const metrics = (name: string) =>
  [
    'num_requests_running',
    'num_requests_waiting',
    'kv_cache_usage_perc',
    'prompt_tokens_total',
    'generation_tokens_total',
  ]
    .map((metric) => `vllm:${metric}{model_name="${name}",engine="0"} 0\n`)
    .join('');

for (let i = 0; i < count; i += 1) {
  const name = `model-${i}`;
  const models = JSON.stringify({ object: 'list', data: [{ id: name, object: 'model', max_model_len: 8_192 }] });
  const answers: Record<string, string> = { '/health': '', '/v1/models': models, '/metrics': metrics(name) };
  const server = http.createServer({ keepAliveTimeout: 1_000 }, ({ url = '' }, response) => {
    const answer = answers[url];
    response.writeHead(answer === undefined ? 404 : 200, {
      'content-type': url === '/v1/models' ? 'application/json' : 'text/plain',
    });
    response.end(answer);
  });
  server.listen(firstPort + i, '0.0.0.0');
}
process.stdout.write('ready\n');
