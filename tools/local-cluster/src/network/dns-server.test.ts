import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { clusterDnsEnvironment } from './cluster-dns-environment.ts';
import { startDnsServer, type DnsServer } from './dns-server.ts';

const run = promisify(execFile);
const many = Array.from({ length: 200 }, (_, index) => `127.1.1.${index}`);
const names: Record<string, string[]> = {
  'web.shop.svc.cluster.local': ['127.2.0.9'],
  'engines.shop.svc.cluster.local': many,
};
let server: DnsServer;
let resolver: Resolver;

beforeEach(async () => {
  server = await startDnsServer((name) => names[name]);
  resolver = new Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
});
afterEach(() => server.stop());

it('answers with an address, and says of another name that there is none', async () => {
  expect(await resolver.resolve4('web.shop.svc.cluster.local')).toEqual(['127.2.0.9']);
  await expect(resolver.resolve4('nobody.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(resolver.resolve6('web.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENODATA' });
});

it('answers with all of two hundred pods, which is more than fits a datagram', async () => {
  expect((await resolver.resolve4('engines.shop.svc.cluster.local')).sort()).toEqual([...many].sort());
});

it('goes on after what is no question', async () => {
  const socket = createSocket('udp4');
  for (const bytes of ['', 'x', '\0'.repeat(12), '\xff'.repeat(40)]) {
    await new Promise((sent) => socket.send(Buffer.from(bytes, 'latin1'), server.port, '127.0.0.1', sent));
  }
  socket.close();
  expect(await resolver.resolve4('web.shop.svc.cluster.local')).toEqual(['127.2.0.9']);
});

const program = `
  import dns, { lookup } from 'node:dns';
  import { lookup as later, resolve4 } from 'node:dns/promises';
  const plainly = (name, options) => new Promise((resolve) =>
    lookup(name, options, (error, address) => resolve(error?.code ?? address)));
  console.log(JSON.stringify({
    short: await plainly('web', {}),
    withNamespace: await plainly('web.shop', { all: true }),
    full: (await later('web.shop.svc.cluster.local')).address,
    resolved: await resolve4('web.shop.svc'),
    own: await plainly('localhost', { family: 4 }),
    literal: await plainly('127.0.0.3', {}),
    nobody: await plainly('nobody.shop.svc.cluster.local', {}),
  }));
`;

it('a Node process of a pod finds Services by short and full names, and all else as before', async () => {
  const env = { ...process.env, ...clusterDnsEnvironment(server.port, 'shop') };
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { env, timeout: 30_000 });
  expect(JSON.parse(stdout)).toEqual({
    short: '127.2.0.9',
    withNamespace: [{ address: '127.2.0.9', family: 4 }],
    full: '127.2.0.9',
    resolved: ['127.2.0.9'],
    own: '127.0.0.1',
    literal: '127.0.0.3',
    nobody: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
  });
});
