/*
 * Preloaded into the Node processes of pods (`--import`): names of the cluster are asked of its DNS server first, all others
 * are looked up as ever. A process of this machine has no resolv.conf of its own, as a container would.
 */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';

type Lookup = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void;

/** As in the resolv.conf of a pod: `ndots:5`, and these domains. */
const dots = 5;
const { FLOTILLA_CLUSTER_DNS: server, FLOTILLA_CLUSTER_NAMESPACE: namespace = 'default' } = process.env;
const searched = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'];

if (server) {
  const resolver = new dns.promises.Resolver({ timeout: 1_000, tries: 2 });
  resolver.setServers([server]);
  askFirst(async (name) => {
    for (const candidate of candidatesOf(name)) {
      const addresses = await resolver.resolve4(candidate).catch(() => []);
      if (addresses.length > 0) return addresses;
    }
    return undefined;
  });
}

function candidatesOf(name: string): string[] {
  const bare = name.replace(/\.$/, '');
  if (isIP(bare) || bare === '' || bare === 'localhost') return [];
  if (bare.endsWith('.cluster.local')) return [bare];
  if (name.endsWith('.') || bare.split('.').length > dots) return [];
  return searched.map((domain) => `${bare}.${domain}`);
}

function askFirst(ask: (name: string) => Promise<string[] | undefined>): void {
  const { lookup, resolve4 } = dns;
  const { lookup: lookupLater, resolve4: resolve4Later } = dns.promises;
  const asOptions = (options: unknown): LookupOptions =>
    typeof options === 'object' && options !== null ? options : { family: options as number | undefined };

  const found = async (name: string, options: LookupOptions): Promise<LookupAddress[] | undefined> => {
    if (options.family === 6 || options.family === 'IPv6') return undefined;
    const addresses = await ask(name);
    return addresses?.map((address) => ({ address, family: 4 }));
  };

  const lookupFirst = (name: string, ...rest: [Lookup] | [unknown, Lookup]) => {
    const callback = rest.at(-1) as Lookup;
    const options = asOptions(rest.length === 2 ? rest[0] : undefined);
    if (candidatesOf(name).length === 0) return lookup(name, options, callback as never);
    void found(name, options).then((addresses) => {
      if (!addresses) lookup(name, options, callback as never);
      else if (options.all) callback(null, addresses);
      else callback(null, addresses[0]!.address, 4);
    });
  };
  const lookupLaterFirst = async (name: string, options?: unknown) => {
    const wanted = asOptions(options);
    const addresses = await found(name, wanted);
    if (!addresses) return lookupLater(name, wanted);
    return wanted.all ? addresses : addresses[0];
  };
  const resolve4First = (name: string, ...rest: unknown[]) => {
    const callback = rest.at(-1) as (error: Error | null, addresses: string[]) => void;
    void ask(name).then((addresses) => {
      if (addresses) callback(null, addresses);
      else (resolve4 as (...all: unknown[]) => void)(name, ...rest);
    });
  };
  const resolve4LaterFirst = async (name: string, ...rest: unknown[]) =>
    (await ask(name)) ?? (resolve4Later as (...all: unknown[]) => Promise<unknown>)(name, ...rest);

  Object.assign(dns, { lookup: lookupFirst, resolve4: resolve4First });
  Object.assign(dns.promises, { lookup: lookupLaterFirst, resolve4: resolve4LaterFirst });
  syncBuiltinESMExports();
}
