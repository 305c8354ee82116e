// The least a platform of four processes can do: a gateway (node:http), an orchestrator, a safety check, a router (undici),
// with frames gathered per turn of the event loop between them. What the mesh costs is read against it.
// node chain.js ROLE PORT [PEER_PORT …]    gateway PORT ORCHESTRATOR · orchestrator PORT SAFETY ROUTER · safety PORT · router PORT ENGINE
import http from 'node:http';
import net from 'node:net';
import { Pool } from 'undici';

/** One piece of a call or of its answer; `end` with the last. */
interface Frame {
  id: number;
  text: string;
  end: boolean;
}

/** One direction of a connection: frames out, gathered; frames in, one by one. */
class Line {
  #out: string[] = [];
  #rest = '';

  constructor(
    private readonly socket: net.Socket,
    private readonly take: (frame: Frame) => void,
  ) {
    socket.setEncoding('utf8').on('data', (data: string) => this.#read(data));
  }

  send(frame: Frame): void {
    if (this.#out.push(JSON.stringify(frame)) > 1) return;
    setImmediate(() => this.socket.write(`${this.#out.splice(0).join('\n')}\n`));
  }

  #read(data: string): void {
    const lines = (this.#rest + data).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.take(JSON.parse(line) as Frame);
  }
}

/** Calls to another process of the chain. */
class Peer {
  readonly #calls = new Map<number, (frame: Frame) => void>();
  readonly #line: Line;
  #next = 1;

  constructor(port: number) {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#line = new Line(socket, (frame) => {
      const take = this.#calls.get(frame.id);
      if (frame.end) this.#calls.delete(frame.id);
      take?.(frame);
    });
  }

  call(text: string, take: (frame: Frame) => void): void {
    const id = this.#next++;
    this.#calls.set(id, take);
    this.#line.send({ id, text, end: true });
  }
}

function serve(port: number, answer: (text: string, reply: (text: string, end: boolean) => void) => void): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    const line = new Line(socket, ({ id, text }) => answer(text, (piece, end) => line.send({ id, text: piece, end })));
  });
  server.listen(port, '127.0.0.1', () => console.log('chain ready'));
}

const [role = '', ...ports] = process.argv.slice(2);
const [port = 0, first = 0, second = 0] = ports.map(Number);
const roles: Record<string, () => void> = {
  gateway() {
    const orchestrator = new Peer(first);
    const server = http.createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (data: string) => (body += data));
      request.on('end', () => {
        const { stream } = JSON.parse(body) as { stream?: boolean };
        response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
        orchestrator.call(body, ({ text, end }) => (end ? response.end(text) : response.write(text)));
      });
    });
    server.listen(port, '127.0.0.1', () => console.log('chain ready'));
  },
  orchestrator() {
    const [safety, router] = [new Peer(first), new Peer(second)];
    serve(port, (text, reply) => safety.call(text, () => router.call(text, (frame) => reply(frame.text, frame.end))));
  },
  safety() {
    const injection = /ignore (all|previous) instructions|\b(?:\d[ -]?){13,16}\b/i;
    serve(port, (text, reply) => reply(injection.test(text) ? 'block' : 'allow', true));
  },
  router() {
    const pool = new Pool(`http://127.0.0.1:${first}`, { connections: 2_048 });
    const headers = { 'content-type': 'application/json' };
    serve(port, (body, reply) => {
      const relay = async () => {
        const answer = await pool.request({ method: 'POST', path: '/v1/chat/completions', headers, body });
        answer.body.setEncoding('utf8');
        for await (const piece of answer.body) reply(piece as string, false);
        reply('', true);
      };
      void relay();
    });
  },
};
roles[role]?.();
