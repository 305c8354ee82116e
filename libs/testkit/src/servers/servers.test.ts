import { existsSync } from 'node:fs';
import { afterEach, expect, it } from '@jest/globals';
import { connect as connectNats } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import pg from 'pg';
import {
  describeWith,
  startNats,
  startPostgres,
  startRedis,
  takesConnections,
  until,
  type TestServer,
} from '../index.ts';

let server: TestServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function expectGone({ pid, port, dir, stop }: TestServer): Promise<void> {
  await stop();
  expect(isAlive(pid)).toBe(false);
  expect(await takesConnections(port)).toBe(false);
  expect(existsSync(dir)).toBe(false);
}

describeWith(['redis-server'], 'a Redis server for a test', () => {
  const ask = async (url: string, ...command: [string, ...string[]]) => {
    const redis = new Redis(url, { maxRetriesPerRequest: 1 });
    try {
      return await redis.call(...command);
    } finally {
      redis.disconnect();
    }
  };

  it('starts, answers and leaves nothing behind', async () => {
    server = await startRedis();
    expect(await ask(server.url, 'SET', 'a', '1')).toBe('OK');
    await expectGone(server);
  });

  it('forgets on restart by default and keeps its data when it is persistent, also over a crash', async () => {
    server = await startRedis();
    await ask(server.url, 'SET', 'a', '1');
    await server.restart();
    expect(await ask(server.url, 'GET', 'a')).toBeNull();
    await server.stop();

    server = await startRedis({ persistent: true });
    await ask(server.url, 'SET', 'a', '1');
    await server.kill();
    await server.restart();
    expect(await ask(server.url, 'GET', 'a')).toBe('1');
  });
});

describeWith(['nats-server'], 'a NATS server for a test', () => {
  const request = async (url: string, subject: string, body: unknown, login: { user?: string; pass?: string } = {}) => {
    const connection = await connectNats({ servers: url, reconnect: false, ...login });
    try {
      const answer = await connection.request(subject, JSON.stringify(body), { timeout: 2_000 });
      return answer.json<{ error?: unknown; config?: { name: string } }>();
    } finally {
      await connection.close();
    }
  };

  it('starts with JetStream, answers and leaves nothing behind', async () => {
    server = await startNats();
    expect(await request(server.url, '$JS.API.INFO', {})).toMatchObject({ streams: 0 });
    await expectGone(server);
  });

  it('keeps its streams over a restart and over a crash, on the same port', async () => {
    server = await startNats();
    await request(server.url, '$JS.API.STREAM.CREATE.kept', { name: 'kept', subjects: ['kept.>'], storage: 'file' });
    const { port } = server;
    await server.restart();
    expect(server.port).toBe(port);
    expect(await request(server.url, '$JS.API.STREAM.INFO.kept', {})).toMatchObject({ config: { name: 'kept' } });
    await server.kill();
    await server.restart();
    expect(await request(server.url, '$JS.API.STREAM.INFO.kept', {})).toMatchObject({ config: { name: 'kept' } });
  });

  it('lets in only whom it is told to', async () => {
    server = await startNats({ user: 'flotilla', password: 'p@ss' });
    const login = { user: 'flotilla', pass: 'p@ss' };
    expect(await request(server.url, '$JS.API.INFO', {}, login)).toMatchObject({ streams: 0 });
    await expect(request(server.url, '$JS.API.INFO', {})).rejects.toThrow(/authorization/i);
  });
});

describeWith(['postgres'], 'a PostgreSQL server for a test', () => {
  const query = async (url: string, sql: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };

  it('starts with pgvector, answers and leaves nothing behind', async () => {
    server = await startPostgres();
    await query(server.url, 'create extension vector');
    expect(await query(server.url, `select '[1,2]'::vector <-> '[1,3]'::vector as distance`)).toEqual([
      { distance: 1 },
    ]);
    const { pid } = server;
    await expectGone(server);
    expect(isAlive(pid)).toBe(false);
  });

  it('is a fresh one each time', async () => {
    server = await startPostgres();
    await query(server.url, 'create table kept (id int)');
    await server.stop();
    server = await startPostgres();
    expect(await query(server.url, `select to_regclass('kept') as kept`)).toEqual([{ kept: null }]);
  });

  it('keeps its data over a restart and over a crash', async () => {
    server = await startPostgres();
    await query(server.url, 'create table kept (id int)');
    await query(server.url, 'insert into kept values (1)');
    await server.restart();
    expect(await query(server.url, 'select id from kept')).toEqual([{ id: 1 }]);
    const crashed = server;
    await query(server.url, 'checkpoint');
    await server.kill();
    await until(async () => !(await takesConnections(crashed.port)));
    await server.restart();
    expect(await query(server.url, 'select id from kept')).toEqual([{ id: 1 }]);
  });
});
