import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@flotilla/bus';
import { fleet, router } from '@flotilla/contracts';
import { createFleet, fleetDefaults } from '@flotilla/gpu-fleet-controller';
import { liveValue, platformFileSchema, serviceGroup } from '@flotilla/kernel';
import { createRouter, defaults } from '@flotilla/llm-router';
import { createMemoryNetwork } from '@flotilla/rpc';
import { freePort, until } from '@flotilla/testkit';

/** The simulator's entry as source: Node runs it without a build. */
const simulator = path.resolve(import.meta.dirname, '../../tools/engine-sim/src/main.ts');

/** How many tokens each service answers with: by that an answer says whose it is. */
const tokensOf = { short: 3, long: 12 } as const;
type Name = keyof typeof tokensOf;
const names = Object.keys(tokensOf) as Name[];

interface Answer {
  events: string[];
  notices: string[];
  tokens: number;
}

let stateDir: string;
let end: () => Promise<void>;

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'autostart-'));
});

afterEach(async () => {
  await end();
  rmSync(stateDir, { recursive: true });
});

/** The fleet and the router, with two models that share one port. */
async function start(onDemand: object) {
  const port = await freePort();
  const services = names.map((name) => {
    const options = ['--port', port, '--model', name, '--answer-tokens', tokensOf[name], '--exit-with-parent'];
    return { name, command: [process.execPath, simulator, ...options.map(String)] };
  });
  const provider = {
    name: 'local',
    kind: 'vllm',
    base_url: `http://127.0.0.1:${port}/v1`,
    services,
    on_demand: onDemand,
  };
  const file = liveValue(platformFileSchema.parse({ providers: [provider] }));
  const [rpc, bus] = [createMemoryNetwork(), createMemoryBus()];
  const fleetConfig = { ...fleetDefaults, stateDir, probeIntervalMs: 50 };
  const group = serviceGroup([
    createFleet(fleetConfig, { rpc, bus, file, env: process.env }),
    createRouter(defaults, { rpc, bus, file, env: {} }),
  ]);
  await group.start();
  await rpc.listen();
  end = async () => {
    await group.shutdown();
    await bus.close();
    await rpc.close();
  };
  const client = rpc.client(router.RouterDefinition);
  const listed = async () => {
    const { models } = await client.listModels(router.ListModelsRequest.create());
    return models.filter(({ name }) => names.includes(name as Name));
  };
  await until(async () => (await listed()).length === names.length);
  return {
    ...{ listed, activation: rpc.client(fleet.ActivationDefinition) },
    async ask(model: Name): Promise<Answer> {
      const answer: Answer = { events: [], notices: [], tokens: 0 };
      const messages = [{ role: 'user', content: 'hello' }];
      const request = router.GenerateRequest.fromPartial({
        model,
        messages,
        stream: true,
        caller: { requestId: model },
      });
      for await (const { event } of client.generate(request)) {
        if (answer.events.at(-1) !== event!.$case) answer.events.push(event!.$case);
        if (event?.$case === 'notice') answer.notices.push(event.value.code);
        if (event?.$case === 'finished') answer.tokens = event.value.usage?.completionTokens ?? 0;
      }
      return answer;
    },
  };
}

describe('two models that share one port', () => {
  it('start when they are asked for: the request is held with signs of life, and answered', async () => {
    const { ask, listed, activation } = await start({ min_up_ms: 0 });
    expect((await listed()).map(({ name, ready, active }) => [name, ready, active])).toEqual([
      ['long', false, false],
      ['short', false, false],
    ]);
    const first = await ask('short');
    expect(first).toEqual({
      ...{ events: ['waiting', 'answerer', 'notice', 'choices', 'finished'], notices: ['model_started'] },
      tokens: tokensOf.short,
    });
    expect((await ask('short')).events).toEqual(['answerer', 'choices', 'finished']);
    expect((await ask('long')).tokens).toBe(tokensOf.long);
    const { services } = await activation.getAutostart({});
    expect(services.map(({ name, activeModel }) => [name, activeModel])).toEqual([
      ['vllm:short', ''],
      ['vllm:long', 'long'],
    ]);
  });

  it('answer everyone who asks for either, each with its own model, while they take turns', async () => {
    const { ask } = await start({ min_up_ms: 500 });
    const wrong: string[] = [];
    const clients = Array.from({ length: 6 }, async (_, client) => {
      for (let at = 0; at < 6; at += 1) {
        const name = names[(client + Math.floor(at / 2)) % 2]!;
        const { tokens } = await ask(name).catch((error: Error) => ({ tokens: error.message }));
        if (tokens !== tokensOf[name]) wrong.push(`${name}: ${tokens}`);
      }
    });
    await Promise.all(clients);
    expect(wrong).toEqual([]);
  });
});
