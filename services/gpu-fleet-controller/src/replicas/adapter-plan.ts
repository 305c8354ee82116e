/** A replica that can have adapters, as the plan sees it. */
export interface AdapterHost {
  readonly id: string;
  /** That it has now. */
  readonly adapters: readonly string[];
  /** That requests run on or wait for. */
  readonly used: readonly string[];
  /** That run at once; 0: it does not say. */
  readonly room: number;
  /** That it would not load a moment ago. */
  readonly refused: readonly string[];
  /** Requests that run on it or wait. */
  readonly requests: number;
}

export interface WantedAdapter {
  readonly name: string;
  readonly copies: number;
}

export interface AdapterPlan {
  readonly load: readonly { readonly host: string; readonly name: string }[];
  readonly unload: readonly { readonly host: string; readonly name: string }[];
}

/**
 * Which adapters go where: each on as many replicas as it is wanted on, those with the fewest first. A first copy goes
 * somewhere even where all is full, for vLLM swaps adapters it has no room for; further ones do not.
 * `known` are those that may be taken away: what somebody else loaded stays.
 */
export function planAdapters(
  wanted: readonly WantedAdapter[],
  hosts: readonly AdapterHost[],
  known: ReadonlySet<string>,
): AdapterPlan {
  const counts = new Map(hosts.map(({ id, adapters }) => [id, adapters.length]));
  const load: { host: string; name: string }[] = [];
  const unload: { host: string; name: string }[] = [];
  const names = new Set(wanted.map(({ name }) => name));
  for (const { id, adapters, used } of hosts)
    for (const name of adapters)
      if (known.has(name) && !names.has(name) && !used.includes(name)) unload.push({ host: id, name });
  for (const { name, copies } of wanted) {
    const holders = hosts.filter(({ adapters }) => adapters.includes(name));
    const others = hosts.filter(({ adapters, refused }) => !adapters.includes(name) && !refused.includes(name));
    for (let have = holders.length; have < Math.min(copies, hosts.length); have += 1) {
      const open = others.filter(({ id, room }) => have === 0 || room === 0 || counts.get(id)! < room);
      const host = least(open, ({ id, requests }) => [counts.get(id)!, requests]);
      if (!host) break;
      others.splice(others.indexOf(host), 1);
      counts.set(host.id, counts.get(host.id)! + 1);
      load.push({ host: host.id, name });
    }
    const spare = holders.filter(({ used }) => !used.includes(name));
    for (let have = holders.length; have > copies && spare.length > 0; have -= 1) {
      const host = least(spare, ({ adapters, requests }) => [-adapters.length, -requests])!;
      spare.splice(spare.indexOf(host), 1);
      unload.push({ host: host.id, name });
    }
  }
  return { load, unload };
}

function least<T>(all: readonly T[], rank: (one: T) => readonly [number, number]): T | undefined {
  const ranked = all.map((one) => ({ one, rank: rank(one) }));
  return ranked.sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1])[0]?.one;
}
