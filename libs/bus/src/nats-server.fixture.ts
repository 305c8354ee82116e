import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

/** Where nats-server is: FLOTILLA_NATS_SERVER, the PATH, or where `make tools` puts it. Undefined: it is not there. */
export function findNatsServer(): string | undefined {
  const candidates = [
    process.env['FLOTILLA_NATS_SERVER'],
    ...(process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, 'nats-server')),
    path.join(homedir(), '.cache/flotilla/bin/nats-server'),
  ];
  return candidates.find((file) => file && isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface NatsServer {
  readonly url: string;
  start(): Promise<void>;
  /** Ends the process as a crash would; what it stored stays. */
  kill(): Promise<void>;
  /** Ends it and removes what it stored. */
  close(): Promise<void>;
}

/** A nats-server with JetStream on a free loopback port and a folder of its own. */
export async function startNatsServer(extra: readonly string[] = []): Promise<NatsServer> {
  const binary = findNatsServer();
  if (!binary) throw new Error('nats-server is not installed');
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-nats-'));
  const port = await freePort();
  let running: ChildProcess | undefined;

  const start = async () => {
    const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder, ...extra];
    const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    running = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.stderr!.on('data', (part: Buffer) => {
        output = (output + part.toString()).slice(-10_000);
        if (output.includes('Server is ready')) resolve();
      });
      child.once('exit', () => reject(new Error(`nats-server ended: ${output}`)));
    });
  };
  const kill = async () => {
    const child = running;
    running = undefined;
    if (!child || child.exitCode !== null) return;
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    start,
    kill,
    async close() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
