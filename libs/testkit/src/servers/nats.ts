import { requireTool } from './binaries.ts';
import { startServer, type ServerOptions, type TestServer } from './server.ts';

export interface NatsOptions extends ServerOptions {
  /** Whom alone it lets in, with `password`. Absent: everyone. */
  user?: string;
  password?: string;
}

/** A NATS server with JetStream; streams stored as files survive a restart. */
export function startNats({ user, password, ...options }: NatsOptions = {}): Promise<TestServer> {
  const command = requireTool('nats-server');
  const credentials = user === undefined ? [] : ['--user', user, '--pass', password ?? ''];
  return startServer(
    {
      name: 'nats',
      url: (port) => `nats://127.0.0.1:${port}`,
      launch: (dir, port) => ({
        command,
        args: ['--addr', '127.0.0.1', '--port', `${port}`, '--jetstream', '--store_dir', dir, ...credentials],
        ready: { line: /Server is ready/ },
      }),
    },
    options,
  );
}
