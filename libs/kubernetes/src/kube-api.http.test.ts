import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createFakeClock } from '@flotilla/testkit';
import {
  accessByToken,
  accessInCluster,
  configMaps,
  connectKubeApi,
  findAccess,
  type KubeApiOptions,
} from './index.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const at = { namespace: 'n', name: 'one' };
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function serve(handler: Handler): Promise<string> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => void server.close(resolve).closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function connect(handler: Handler, options: KubeApiOptions = {}) {
  const server = await serve(handler);
  const api = await connectKubeApi({ access: accessByToken({ server, token: 'secret' }), ...options });
  ends.unshift(() => api.close());
  return api;
}

const answer = (code: number, body: unknown, headers: Record<string, string> = {}): Handler => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (_, response) => void response.writeHead(code, headers).end(text);
};

describe('the API over HTTP', () => {
  it.each([
    [401, 'forbidden'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [409, 'conflict'],
    [410, 'gone'],
    [422, 'invalid'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ])('says by its kind what an answer of %d means, in the words of the API', async (code, kind) => {
    const api = await connect(answer(code, { kind: 'Status', message: 'because', details: {} }));
    await expect(api.get(configMaps, at)).rejects.toMatchObject({ kind, message: 'because' });
  });

  it('says when it is too busy, and when to come again', async () => {
    const api = await connect(answer(429, 'slow down', { 'retry-after': '7' }));
    await expect(api.list(configMaps)).rejects.toMatchObject({ kind: 'unavailable', retryAfterMs: 7_000 });
  });

  it('tells an object that is not there from a kind that is not there', async () => {
    const api = await connect(answer(404, { kind: 'Status', message: 'no such', details: { name: 'one' } }));
    expect(await api.get(configMaps, at)).toBeUndefined();
    const other = await connect(answer(404, '404 page not found'));
    await expect(other.get(configMaps, at)).rejects.toMatchObject({ kind: 'not_found' });
    await expect(other.delete(configMaps, at)).rejects.toMatchObject({ kind: 'not_found' });
  });

  it('gives up on an API that does not answer', async () => {
    const clock = createFakeClock();
    let asked: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (asked = resolve));
    const api = await connect(() => asked(), { clock });
    const call = expect(api.get(configMaps, at)).rejects.toMatchObject({ kind: 'unavailable' });
    await arrived;
    clock.advance(10_000);
    await call;
  });

  it('tells an API that cannot be reached, without the token', async () => {
    const api = await connectKubeApi({ access: accessByToken({ server: 'http://127.0.0.1:1', token: 'secret' }) });
    const error = await api.get(configMaps, at).catch((error: unknown) => error);
    expect(error).toMatchObject({ kind: 'unavailable' });
    expect(String(error)).not.toContain('secret');
    await api.close();
  });

  it('tells what breaks off in the middle of a watch, and what the API says is gone', async () => {
    const bookmark = { type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata: { resourceVersion: '7' } } };
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } };
    let last = `${JSON.stringify(gone)}\n`;
    const api = await connect((request, response) => {
      expect(request.url).toContain('allowWatchBookmarks=true&resourceVersion=1&timeoutSeconds=');
      response.write(`${JSON.stringify(bookmark)}\n${last}`, () => last.endsWith('\n') || response.destroy());
    });
    const watch = async (): Promise<unknown[]> => {
      const seen: unknown[] = [];
      try {
        for await (const event of api.watch(configMaps, {}, '1', new AbortController().signal)) seen.push(event);
      } catch (error) {
        seen.push(error);
      }
      return seen;
    };
    const first = { type: 'bookmark', resourceVersion: '7' };
    expect(await watch()).toMatchObject([first, { kind: 'gone', message: 'too old resource version' }]);
    last = '{"type":"ADD';
    expect(await watch()).toMatchObject([first, { kind: 'unavailable' }]);
  });

  it('makes no more calls than it may', async () => {
    const clock = createFakeClock();
    const api = await connect(answer(200, { items: [], metadata: { resourceVersion: '1' } }), {
      clock,
      callsPerSecond: 1,
    });
    await api.list(configMaps);
    await api.list(configMaps);
    let done = 0;
    const more = [1, 2, 3, 4, 5].map(() => api.list(configMaps).then(() => (done += 1)));
    await expect(api.list(configMaps)).rejects.toMatchObject({ kind: 'unavailable', retryAfterMs: 6_000 });
    expect([done, api.calls['list']]).toEqual([0, 2]);
    await clock.advanceAsync(5_000);
    await Promise.all(more);
  });

  it('reads a rotated token again: each minute, and after a refused login', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'access-'));
    ends.push(() => rm(folder, { recursive: true }));
    const write = (token: string) => writeFile(path.join(folder, 'token'), `${token}\n`);
    await Promise.all([
      write('first'),
      writeFile(path.join(folder, 'ca.crt'), ''),
      writeFile(path.join(folder, 'namespace'), 'mine'),
    ]);
    const seen: (string | undefined)[] = [];
    const server = await serve(({ headers }, response) => {
      seen.push(headers.authorization);
      const refused = headers.authorization === 'Bearer revoked';
      response.writeHead(refused ? 401 : 200).end(refused ? '{}' : '{"metadata":{"name":"one"}}');
    });
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: new URL(server).port };
    const inCluster = accessInCluster(folder, env)!;
    expect([inCluster.server, inCluster.namespace]).toEqual([
      `https://127.0.0.1:${env.KUBERNETES_SERVICE_PORT}`,
      'mine',
    ]);
    const clock = createFakeClock();
    const api = await connectKubeApi({ access: { ...inCluster, server }, clock });
    ends.unshift(() => api.close());
    await api.get(configMaps, at);
    await write('revoked');
    await api.get(configMaps, at);
    clock.advance(61_000);
    await expect(api.get(configMaps, at)).rejects.toMatchObject({ kind: 'forbidden' });
    await write('third');
    await api.get(configMaps, at);
    expect(seen).toEqual(['Bearer first', 'Bearer first', 'Bearer revoked', 'Bearer third']);
  });

  describe('by a kubeconfig', () => {
    const login = async (user: object, beside: Record<string, string> = {}) => {
      const seen: (string | undefined)[] = [];
      const server = await serve(({ headers }, response) => {
        seen.push(headers.authorization);
        response.end('{"metadata":{"name":"one"}}');
      });
      const folder = await mkdtemp(path.join(tmpdir(), 'access-'));
      ends.push(() => rm(folder, { recursive: true }));
      const file = path.join(folder, 'config');
      const config = {
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'mine' } }],
        clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'u', user }],
      };
      for (const [name, text] of Object.entries({ config: JSON.stringify(config), ...beside })) {
        await writeFile(path.join(folder, name), text);
      }
      const access = await findAccess(file);
      const api = await connectKubeApi({ access });
      ends.unshift(() => api.close());
      await api.get(configMaps, at);
      return { access, folder, seen };
    };

    it('goes where it says, as who it says', async () => {
      const { access, folder, seen } = await login({ token: 'of-the-file' });
      expect([access.namespace, seen]).toEqual(['mine', ['Bearer of-the-file']]);
      await expect(findAccess(path.join(folder, 'none'))).rejects.toMatchObject({ kind: 'forbidden' });
    });

    it.each([
      ['a file beside it', { tokenFile: 'token' }, 'Bearer of-a-file'],
      ['name and password', { username: 'me', password: 'x' }, `Basic ${Buffer.from('me:x').toString('base64')}`],
      [
        'a plugin',
        { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat', args: [], env: [] } },
        'plugin',
      ],
    ])('logs in by %s', async (_, user, expected) => {
      const given = 'exec' in user ? await withPlugin(user.exec) : user;
      const { seen } = await login(given, { token: 'of-a-file\n' });
      expect(seen).toEqual([expected === 'plugin' ? 'Bearer of-a-plugin' : expected]);
    });

    async function withPlugin(exec: object): Promise<object> {
      const folder = await mkdtemp(path.join(tmpdir(), 'plugin-'));
      ends.push(() => rm(folder, { recursive: true }));
      const answer = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: 'of-a-plugin' },
      };
      await writeFile(path.join(folder, 'answer'), JSON.stringify(answer));
      return { exec: { ...exec, args: [path.join(folder, 'answer')] } };
    }

    it('says what is wrong with it, without what is in it', async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'access-'));
      ends.push(() => rm(folder, { recursive: true }));
      const file = path.join(folder, 'config');
      await writeFile(file, 'token: [secret');
      const error = await findAccess(file).catch((error: unknown) => error);
      expect(error).toMatchObject({
        kind: 'forbidden',
        message: `the kubeconfig ${file} cannot be read: it is no YAML`,
      });
      await writeFile(file, 'current-context: nowhere');
      await expect(findAccess(file)).rejects.toThrow('no current context that names a cluster');
    });
  });
});
