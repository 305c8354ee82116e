import { createServer, connect, type Server } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { claimAddressSpace, type AddressSpace } from './address-space.ts';
import { forwardClusterIps, type ClusterIps } from './cluster-ips.ts';
import { fakeCluster } from './testing/fakes.ts';

let space: AddressSpace | undefined;
let forwarding: ClusterIps | undefined;
const servers: Server[] = [];

afterEach(async () => {
  await forwarding?.stop();
  await space?.release();
  for (const server of servers.splice(0)) server.close();
});

/** Says its name to whoever connects and echoes what it gets. */
async function serve(name: string): Promise<number> {
  const server = createServer((socket) => {
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

/** All that comes back, or the error's code. */
function say(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host, port, timeout: 5_000 }, () => socket.end(text));
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => resolve(answer));
  });
}

it('a cluster IP leads to each ready pod in turn, refuses when there is none, and is gone with its Service', async () => {
  space = await claimAddressSpace();
  const host = space.services.replace('0.0/16', '0.77');
  const { services, endpoints, service, pod } = fakeCluster();
  const problems: string[] = [];
  forwarding = forwardClusterIps({ services, endpoints, onProblem: (text) => problems.push(text) });
  service('web', { clusterIp: host, ports: [{ name: undefined, port: 8080, targetPort: 'web' }] });
  await until(async () => (await say(host, 8080, 'x')) === 'ECONNRESET', { what: 'the cluster IP to listen' });

  pod('one', 'web', { ports: [{ name: 'web', containerPort: await serve('one') }] });
  pod('two', 'web', { ports: [{ name: 'web', containerPort: await serve('two') }] });
  const answers = [await say(host, 8080, 'hi'), await say(host, 8080, 'hi')];
  expect(answers.sort()).toEqual(['one:hi', 'two:hi']);

  services.put('shop/web', undefined);
  expect(await say(host, 8080, 'hi')).toBe('ECONNREFUSED');
  expect(problems).toEqual([]);
});

it('two clusters of one machine have other addresses, and what one gives back the next takes', async () => {
  space = await claimAddressSpace();
  const other = await claimAddressSpace();
  expect(new Set([space.pods, space.services, other.pods, other.services]).size).toBe(4);
  await other.release();
  const next = await claimAddressSpace();
  expect(next.pods).not.toBe(space.pods);
  await next.release();
});
