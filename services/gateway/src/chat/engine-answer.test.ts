import { orchestrator } from '@flotilla/contracts';
import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import type { Client } from '@flotilla/rpc';
import { EngineAnswer } from './engine-answer.ts';

type Event = Parameters<typeof orchestrator.ChatEvent.fromPartial>[0];

/** Milliseconds to the first token that were told, of a streamed answer whose events each take 100 ms. */
async function told(events: Event[]): Promise<number[]> {
  const clock = createFakeClock();
  const times: number[] = [];
  async function* chat() {
    for (const event of events) {
      clock.advance(100);
      yield orchestrator.ChatEvent.fromPartial(event);
    }
  }
  const answer = new EngineAnswer({
    orchestrator: { chat } as unknown as Client<orchestrator.OrchestratorDefinition>,
    request: orchestrator.ChatRequest.fromPartial({ stream: true }),
    ...{ clock, timeoutMs: 1_000, signal: new AbortController().signal, onNothing: () => undefined },
    onFirst: (ms) => times.push(ms),
  });
  for await (const _ of answer.events());
  return times;
}

const waiting = (reason: string): Event => ({ event: { $case: 'waiting', value: { reason } } });
const choices: Event = { event: { $case: 'choices', value: { choices: [{ content: 'Hi' }] } } };

describe('the time to the first token', () => {
  it('tells of the load, also when it is long', async () => {
    expect(await told([choices])).toEqual([100]);
    expect(await told([waiting('no_token_yet'), choices, choices])).toEqual([200]);
  });

  it('tells nothing of it when a model had to be started', async () => {
    expect(await told([waiting('model_starting'), choices])).toEqual([]);
  });
});
