import path from 'node:path';
import { requireTool } from './binaries.ts';
import { createCluster, serverUser } from './postgres-cluster.ts';
import { startServer, type ServerOptions, type TestServer } from './server.ts';

/** PostgreSQL 18 with pgvector; user, database: `flotilla`, no password, connections from this machine only. Commits survive its crash but not the machine's (no fsync). */
export function startPostgres(options: ServerOptions = {}): Promise<TestServer> {
  const postgres = requireTool('postgres');
  const user = serverUser();
  const socketless = ['-c', 'unix_socket_directories=', '-c', 'listen_addresses=127.0.0.1'];
  const quick = ['-c', 'fsync=off', '-c', 'full_page_writes=off'];
  return startServer(
    {
      name: 'postgres',
      url: (port) => `postgres://flotilla@127.0.0.1:${port}/flotilla`,
      prepare: async (dir) => createCluster(postgres, dir, user),
      launch: (dir, port) => ({
        command: postgres,
        args: ['-D', path.join(dir, 'cluster'), '-p', `${port}`, ...socketless, ...quick, '-c', 'max_connections=200'],
        ...user,
        cwd: '/',
        env: { LC_ALL: 'C' },
        ready: { line: /database system is ready to accept connections/ },
        // SIGINT is the fast shutdown: SIGTERM would wait for every client to leave.
        stopSignal: 'SIGINT',
      }),
    },
    options,
  );
}
