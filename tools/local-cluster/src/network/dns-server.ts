import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { readQuestion, writeAnswer } from './dns-message.ts';

const host = '127.0.0.1';
/** What fits an answer by UDP everywhere (https://www.dnsflagday.net/2020/); TCP carries the rest. */
const mostUdpBytes = 1_232;
const mostTcpBytes = 65_535;
const tcpIdleMs = 5_000;
/** Tries for a port that is free for both. */
const portAttempts = 5;

export interface DnsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A DNS server on loopback, by UDP and TCP. `resolve`: a name's IPv4 addresses; undefined: there is no such name. */
export async function startDnsServer(resolve: (name: string) => string[] | undefined): Promise<DnsServer> {
  for (let attempt = 1; ; attempt += 1) {
    const connections = new Set<Socket>();
    const tcp = await listenTcp(resolve, connections);
    const { port } = tcp.address() as { port: number };
    try {
      const udp = await listenUdp(resolve, port);
      return {
        port,
        async stop() {
          for (const connection of connections) connection.destroy();
          await Promise.all([
            new Promise<void>((done) => tcp.close(() => done())),
            new Promise<void>((done) => udp.close(() => done())),
          ]);
        },
      };
    } catch (error) {
      tcp.close();
      if (attempt === portAttempts) throw error;
    }
  }
}

function listenUdp(resolve: (name: string) => string[] | undefined, port: number): Promise<UdpSocket> {
  return new Promise((done, failed) => {
    const socket = createSocket('udp4');
    socket.once('error', failed);
    socket.on('message', (message, from) => {
      const question = readQuestion(message);
      if (question) socket.send(writeAnswer(question, resolve(question.name), mostUdpBytes), from.port, from.address);
    });
    socket.bind({ port, address: host, exclusive: true }, () => {
      socket.off('error', failed);
      // What an asker does not wait for any more cannot be sent.
      socket.on('error', () => undefined);
      done(socket);
    });
  });
}

/** By TCP each message has its length before it. */
function listenTcp(resolve: (name: string) => string[] | undefined, connections: Set<Socket>): Promise<Server> {
  const server = createServer((connection) => {
    connections.add(connection);
    let received = Buffer.alloc(0);
    connection.setTimeout(tcpIdleMs, () => connection.destroy());
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const question = readQuestion(received.subarray(2, end));
        received = received.subarray(end);
        if (!question) return void connection.destroy();
        const answer = writeAnswer(question, resolve(question.name), mostTcpBytes);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        connection.write(Buffer.concat([length, answer]));
      }
    });
  });
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen({ port: 0, host, exclusive: true }, () => done(server));
  });
}
