import { describe, expect, it } from '@jest/globals';
import { createMemoryBus, routerPicks } from '@flotilla/bus';
import { events } from '@flotilla/contracts';
import { until } from '@flotilla/testkit';
import { PickExchange } from './pick-exchange.ts';
import { PickSharing } from './pick-sharing.ts';
import { asking, createPicking, idOf, resolution, target } from './picking.fixture.ts';

function router() {
  const { clock, picker } = createPicking();
  const targets = Array.from({ length: 6 }, (_, i) => target(`e${i}`));
  picker.keep(targets.map(({ endpoint }) => endpoint));
  const model = resolution([[1, targets]]);
  const send = (text: string) => {
    const request = asking(text);
    const picked = picker.pick(model, [], request)!;
    picker.began(picked, request);
    return picked;
  };
  return { clock, picker, targets, send };
}

describe('routers that tell each other', () => {
  const wire = (message: events.RouterPicks) => events.RouterPicks.decode(events.RouterPicks.encode(message).finish());

  it('say only that they are there until they hear of another', () => {
    const one = router();
    const sharing = new PickSharing('one', one.picker);
    one.send('x'.repeat(3_000));
    expect(sharing.message(0)).toEqual({ routerId: 'one', more: false, engines: [] });
    expect(sharing.message(500)).toBeUndefined();
    expect(sharing.message(1_000)).toBeDefined();
  });

  it('count each other’s requests, until one is gone', () => {
    const [one, two] = [router(), router()];
    const [from, to] = [new PickSharing('one', one.picker), new PickSharing('two', two.picker)];
    from.take(to.message(0)!, 0);
    const picked = one.send('hello');
    to.take(wire(from.message(200)!), 200);
    const seen = two.targets.find(({ endpoint }) => endpoint.peers > 0);
    expect(idOf(seen)).toBe(idOf(picked));
    to.message(4_000);
    expect(two.targets.every(({ endpoint }) => endpoint.peers === 0)).toBe(true);
  });

  it('send a prompt where the other has sent its beginning', () => {
    const [one, two] = [router(), router()];
    const [from, to] = [new PickSharing('one', one.picker), new PickSharing('two', two.picker)];
    from.take(to.message(0)!, 0);
    // Where its hash alone would not lead.
    const beginning = 'y'.repeat(6_000);
    const hashed = router().send(`${beginning}0`);
    for (const { endpoint } of one.targets) endpoint.inFlight = 9;
    const other = one.targets.find((each) => idOf(each) !== idOf(hashed))!;
    other.endpoint.inFlight = 0;
    const placed = one.send(`${beginning}1`);
    for (const { endpoint } of one.targets) endpoint.inFlight = 0;
    to.take(wire(from.message(200)!), 200);
    expect(idOf(two.send(`${beginning}2`))).toBe(idOf(placed));
  });

  it('do not listen to themselves, nor break at what makes no sense', () => {
    const one = router();
    const sharing = new PickSharing('one', one.picker);
    sharing.take({ routerId: 'one', more: true, engines: [{ engineId: 'e0', inFlight: 7, prefixes: [] }] }, 0);
    const hashes = Buffer.from([1, 2, 3]);
    const odd = { engineId: 'e1', inFlight: 0, prefixes: [{ model: 'm', hashes }] };
    sharing.take({ routerId: 'two', more: true, engines: [odd, { ...odd, engineId: 'nobody' }] }, 0);
    expect(one.targets.every(({ endpoint }) => endpoint.peers === 0)).toBe(true);
  });

  it('do so over the bus, and stop when they end', async () => {
    const bus = createMemoryBus();
    const [one, two] = [router(), router()];
    const exchanges = [one, two].map(({ clock, picker }, i) => new PickExchange(bus, clock, picker, `r${i}`));
    for (const exchange of exchanges) await exchange.start();
    const picked = one.send('hello');
    await until(async () => {
      for (const { clock } of [one, two]) await clock.advanceAsync(200);
      return two.targets.some(({ endpoint }) => endpoint.peers > 0 && endpoint.facts.id === idOf(picked));
    });
    for (const exchange of exchanges) await exchange.stop();
    expect(one.clock.pending + two.clock.pending).toBe(0);
    await bus.publish(routerPicks, { routerId: 'late', more: true, engines: [] });
    await bus.close();
  });
});
