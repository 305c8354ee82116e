import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { Circuit } from './circuit.ts';

function opened() {
  const clock = createFakeClock();
  const circuit = new Circuit(clock);
  for (let failure = 0; failure < 3; failure += 1) {
    expect(circuit.enter()).toBe(true);
    circuit.failed();
  }
  return { clock, circuit };
}

describe('a circuit', () => {
  it('opens after three failures in a row, and lets one call try after a quarter of a second', () => {
    const { clock, circuit } = opened();
    expect(circuit.enter()).toBe(false);
    clock.advance(250);
    expect([circuit.enter(), circuit.enter()]).toEqual([true, false]);
    circuit.succeeded();
    expect([circuit.enter(), circuit.enter()]).toEqual([true, true]);
  });

  it('stays open when the try fails', () => {
    const { clock, circuit } = opened();
    clock.advance(250);
    circuit.enter();
    circuit.failed();
    expect(circuit.enter()).toBe(false);
    clock.advance(250);
    expect(circuit.enter()).toBe(true);
  });

  it('lets another call try when the one that tried was given up', () => {
    const { clock, circuit } = opened();
    clock.advance(250);
    circuit.enter();
    circuit.left();
    expect(circuit.enter()).toBe(true);
  });

  it('does not open for failures between successes', () => {
    const circuit = new Circuit(createFakeClock());
    for (let call = 0; call < 10; call += 1) {
      expect(circuit.enter()).toBe(true);
      if (call % 3 === 0) circuit.succeeded();
      else circuit.failed();
    }
  });
});
