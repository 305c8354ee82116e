import { requireTool } from './binaries.ts';
import { startServer, type ServerOptions, type TestServer } from './server.ts';

export interface RedisOptions extends ServerOptions {
  /** Writes every command to disk before it answers, so that a restart or a crash keeps it. Default false: nothing is written. */
  persistent?: boolean;
}

/** A Redis server. */
export function startRedis({ persistent = false, ...options }: RedisOptions = {}): Promise<TestServer> {
  const command = requireTool('redis-server');
  const persistence = persistent ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  return startServer(
    {
      name: 'redis',
      url: (port) => `redis://127.0.0.1:${port}`,
      launch: (dir, port) => ({
        command,
        args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...persistence],
        ready: { line: /Ready to accept connections/ },
      }),
    },
    options,
  );
}
