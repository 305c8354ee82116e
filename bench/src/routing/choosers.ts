import { defaults, Endpoint, EndpointPicker, PickSharing, Target, type Resolution } from '@flotilla/llm-router';
import { createSeededRandom, type FakeClock } from '@flotilla/testkit';
import { requestFor, type Prompt } from './shared-prefixes.ts';
import type { Chooser } from './simulate.ts';

/** Milliseconds a message between routers is under way. */
const busMs = 5;
/** Milliseconds between two messages of a router. */
const sharingMs = 200;

/** One after the other. */
export function roundRobin(engines: number): Chooser {
  let next = -1;
  return { choose: () => (next = (next + 1) % engines) };
}

/** Fewest requests under way. */
export function leastLoaded(engines: number): Chooser {
  const inFlight = Array.from({ length: engines }, () => 0);
  return {
    choose() {
      const place = inFlight.indexOf(Math.min(...inFlight));
      inFlight[place]! += 1;
      return place;
    },
    ended: (place) => void (inFlight[place]! -= 1),
  };
}

/** The router's picker, as it runs in the product. */
export function flotilla(clock: FakeClock, engines: number): Chooser {
  return oneRouter(clock, engines).chooser;
}

/** Routers that take requests in turn and tell each other of them. `deaf`: they do not. */
export function routers(count: number, clock: FakeClock, engines: number, deaf = false): Chooser {
  const all = Array.from({ length: count }, (_, i) => oneRouter(clock, engines, i));
  const sharing = all.map(({ picker }, i) => new PickSharing(`router-${i}`, picker));
  if (!deaf) {
    clock.every(sharingMs, () => {
      for (const one of sharing) {
        const message = one.message(clock.monotonic());
        if (message) clock.after(busMs, () => sharing.forEach((other) => other.take(message, clock.monotonic())));
      }
    });
  }
  const owner = new Map<Prompt, Chooser[]>();
  let turn = 0;
  return {
    choose(prompt) {
      const { chooser } = all[(turn += 1) % count]!;
      owner.set(prompt, [...(owner.get(prompt) ?? []), chooser]);
      return chooser.choose(prompt);
    },
    firstToken: (place, ms, prompt) => owner.get(prompt)![0]!.firstToken!(place, ms, prompt),
    ended: (place, prompt) => owner.get(prompt)!.shift()!.ended!(place, prompt),
    probed: (now) => all.forEach(({ chooser }) => chooser.probed!(now)),
  };
}

function oneRouter(clock: FakeClock, engines: number, seed = 0): { chooser: Chooser; picker: EndpointPicker } {
  const picker = new EndpointPicker({ clock, random: createSeededRandom(1 + seed), config: defaults });
  const targets = targetsOf(engines);
  picker.keep(targets.map(({ endpoint }) => endpoint));
  const resolution: Resolution = {
    ...{ name: 'm', entry: undefined, capabilities: [], fallbacks: [], listed: true },
    routes: targets.map((target) => ({ weight: 1, targets: [target] })),
  };
  const requests = new Map<Prompt, ReturnType<typeof requestFor>[]>();
  const chooser: Chooser = {
    choose(prompt) {
      const request = requestFor(prompt);
      requests.set(prompt, [...(requests.get(prompt) ?? []), request]);
      const target = picker.pick(resolution, [], request)!;
      picker.began(target, request);
      return targets.indexOf(target);
    },
    firstToken: (place, ms, prompt) => picker.firstToken(targets[place]!, ms, requests.get(prompt)![0]),
    ended: (place, prompt) => picker.ended(targets[place]!, 'answered', requests.get(prompt)!.shift()),
    probed(now) {
      targets.forEach(({ endpoint }, place) => (endpoint.facts = { ...endpoint.facts, ...now[place]!.load }));
    },
  };
  return { chooser, picker };
}

/** Engines of the router. None is spoken to: they have neither account nor adapter. */
export function targetsOf(engines: number): Target[] {
  return Array.from({ length: engines }, (_, i) => {
    const id = `engine-${i}`;
    const place = { id, provider: id, kind: 'vllm', baseUrl: `http://${id}` } as const;
    const endpoint = new Endpoint({ ...place, ready: true, models: [], waiting: 0, since: 0 });
    return new Target({ endpoint, model: 'm', adapter: undefined as never, account: undefined as never });
  });
}
