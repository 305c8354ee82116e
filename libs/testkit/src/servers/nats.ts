import { requireTool } from './binaries.ts';
import { startServer, type ServerOptions, type TestServer } from './server.ts';

/** A NATS server with JetStream; streams stored as files survive a restart. */
export function startNats(options: ServerOptions = {}): Promise<TestServer> {
  const command = requireTool('nats-server');
  return startServer(
    {
      name: 'nats',
      url: (port) => `nats://127.0.0.1:${port}`,
      launch: (dir, port) => ({
        command,
        args: ['--addr', '127.0.0.1', '--port', `${port}`, '--jetstream', '--store_dir', dir],
        ready: { line: /Server is ready/ },
      }),
    },
    options,
  );
}
