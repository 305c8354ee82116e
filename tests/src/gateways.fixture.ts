import { createMemoryBus } from '@flotilla/bus';
import { chat, limits, router, safety } from '@flotilla/contracts';
import type { Database } from '@flotilla/database';
import { createGateway, defaults } from '@flotilla/gateway';
import { liveValue, parsePlatformFile, systemClock, systemRandom, type Service } from '@flotilla/kernel';
import { createOrchestrator, orchestratorDefaults } from '@flotilla/orchestrator';
import { createRateLimiter, RedisLimitStore, rateLimiterDefaults, type LimitStore } from '@flotilla/rate-limiter';
import { createMemoryNetwork, type RpcNetwork } from '@flotilla/rpc';
import { startRedis } from '@flotilla/testkit';

const devKey = 'sk-flotilla-overshoot-tests';

/** How long decisions may take: this machine may be busy, and a late decision is another test's matter. */
export interface Patience {
  redisMs: number;
  limiterMs: number;
}

/** Replicas of gateway, orchestrator and limiter, each with its own network, over one Redis, one database and one engine. */
export async function startGateways(database: Database, count: number, yaml: string, { redisMs, limiterMs }: Patience) {
  const redis = await startRedis({ persistent: true });
  const bus = createMemoryBus();
  const file = liveValue(parsePlatformFile(yaml));
  const engine = new CountingEngine();
  const leases = { held: 0, most: 0 };
  const networks: RpcNetwork[] = [];
  const services: Service[] = [];
  const urls: string[] = [];
  for (let replica = 0; replica < count; replica += 1) {
    const rpc = createMemoryNetwork();
    networks.push(rpc);
    engine.serve(rpc);
    const store = new RedisLimitStore({
      ...{ url: redis.url, clock: systemClock, random: systemRandom },
      ...{ commandTimeoutMs: redisMs, reservationTtlMs: rateLimiterDefaults.reservationTtlMs },
    });
    const limiter = createRateLimiter(rateLimiterDefaults, { rpc, bus, store: countLeases(store, leases) });
    const orchestrator = createOrchestrator({ ...orchestratorDefaults, usageWaitMs: 0 }, { rpc, bus, database, file });
    const gateway = createGateway(
      { ...defaults, port: 0, devKey, accessLog: false, limitsTimeoutMs: limiterMs },
      { rpc, bus, database, file, env: {} },
    );
    for (const service of [limiter, orchestrator, gateway]) {
      await service.start();
      services.push(service);
    }
    await rpc.listen();
    urls.push(gateway.url!);
  }
  return {
    ...{ engine, leases, redis },
    /** The platform file changes while everything runs. */
    change: (text: string) => file.set(parsePlatformFile(text)),
    /** The status of a chat at one of the gateways. */
    async ask(worker: number, body: object): Promise<number> {
      const response = await fetch(`${urls[worker % count]}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', ...body }),
      });
      await response.arrayBuffer();
      return response.status;
    },
    /** What the limiter says is used of the key's tokens in this month. Throws while it cannot say. */
    async usedThisMonth(limit: number): Promise<number> {
      const subject = limits.Subject.fromPartial({ kind: 'key', id: 'key_dev', tokensPerMonth: limit });
      const question = limits.ReserveRequest.fromPartial({
        caller: { orgId: 'default', keyId: 'key_dev', requestId: systemRandom.id('question_') },
        ...{ subjects: [subject], tokensOnly: true, holdMs: 1 },
      });
      const answer = await networks[0]!.client(limits.LimitsDefinition).reserve(question);
      return limit - answer.limits.find(({ name }) => name === 'tokens_per_month')!.remaining;
    },
    async stop() {
      for (const service of services.toReversed()) await service.stop();
      for (const network of networks) await network.close();
      await bus.close();
      await redis.stop();
    },
  };
}

/** An engine that counts denser than a guess of four bytes a token, and serves many at once. */
class CountingEngine {
  used = 0;
  answers = 0;

  serve(rpc: RpcNetwork): void {
    const unused = async () => Promise.reject(new Error('not a part of this test'));
    rpc.serve(router.RouterDefinition, {
      generate: (request) => this.#generate(request),
      embed: unused,
      listModels: unused,
    });
    rpc.serve(safety.SafetyDefinition, {
      check: async () => ({ action: safety.Action.ALLOW, findings: [] }),
      guard: async ({ text }) => ({
        ...{ release: text, state: { context: '', held: '' }, action: safety.Action.ALLOW, findings: [] },
      }),
    });
  }

  async *#generate({ messages, maxTokens }: router.GenerateRequest): AsyncGenerator<router.GenerateEvent> {
    const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
    const promptTokens = Math.ceil(bytes / 2) + 5;
    this.answers += 1;
    const completionTokens = Math.min(maxTokens, 10 + (this.answers % 60));
    yield {
      event: {
        $case: 'answerer',
        value: {
          model: 'm',
          provider: 'p',
          endpoint: 'e',
          systemFingerprint: '',
          routing: undefined,
          price: undefined,
        },
      },
    };
    await new Promise((resolve) => setTimeout(resolve, this.answers % 10));
    const finishReason = completionTokens === maxTokens ? 'length' : 'stop';
    const choice = chat.Choice.fromPartial({ role: 'assistant', content: 'x '.repeat(completionTokens), finishReason });
    this.used += promptTokens + completionTokens;
    yield { event: { $case: 'choices', value: { choices: [choice], usage: undefined } } };
    const usage = { promptTokens, completionTokens, cachedTokens: 0, estimated: false };
    yield { event: { $case: 'finished', value: { usage } } };
  }
}

/** Follows the tokens that gateways hold in leases. */
function countLeases(store: LimitStore, leases: { held: number; most: number }): LimitStore {
  const granted = new Map<string, number>();
  return {
    reserve: (reservation) => store.reserve(reservation),
    settle: (settlement) => store.settle(settlement),
    async lease(order) {
      const grant = await store.lease(order);
      if (grant.kind === 'leased' && grant.requests > 0) {
        granted.set(order.leaseId, grant.tokens);
        leases.held += grant.tokens;
        leases.most = Math.max(leases.most, leases.held);
      }
      return grant;
    },
    async returnLease(back) {
      leases.held -= granted.get(back.leaseId) ?? 0;
      granted.delete(back.leaseId);
      return store.returnLease(back);
    },
    start: () => store.start(),
    ready: () => store.ready(),
    close: () => store.close(),
  };
}
