import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventLog } from './event-log.ts';

describe('the log of events', () => {
  it('holds exactly the events that no trim let go of, by their numbers', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant('trim' as const), upTo: fc.nat(60), keep: fc.nat(10) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const log = new EventLog(1_000);
        let model: number[] = [];
        let last = 0;
        for (const next of steps) {
          if (next.kind === 'append') {
            for (let index = 0; index < next.count; index += 1) {
              last += 1;
              expect(log.append(last, undefined, undefined, 0)).toEqual({ sequence: last, duplicate: false });
              model.push(last);
            }
          } else {
            log.trim(next.upTo, next.keep);
            const keepFrom = Math.max(0, model.length - next.keep);
            model = model.filter((sequence, index) => sequence >= next.upTo || index >= keepFrom);
          }
          expect(log.size).toBe(model.length);
          expect(log.last).toBe(last);
          for (let sequence = 0; sequence <= last + 1; sequence += 1) {
            expect(log.at(sequence)?.message).toBe(model.includes(sequence) ? sequence : undefined);
          }
        }
      }),
    );
  });
});
