// The least a proxy can do: node:http in front, undici behind, the body parsed once, bytes passed on. What the platform costs
// is read against it, because a machine's speed varies by more than the figures differ.
// node proxy.js PORT ENGINE_PORT
import http from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[3]}`, { connections: 2_048 });

http
  .createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (data: string) => (body += data));
    request.on('end', () => void pass(body, response));
  })
  .listen(Number(process.argv[2]), '127.0.0.1', () => console.log('proxy ready'));

async function pass(text: string, response: http.ServerResponse): Promise<void> {
  const body = JSON.stringify(JSON.parse(text));
  const headers = { 'content-type': 'application/json' };
  const answer = await pool.request({ method: 'POST', path: '/v1/chat/completions', headers, body });
  response.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) });
  for await (const piece of answer.body) response.write(piece);
  response.end();
}
