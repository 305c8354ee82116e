import { Inject, type DynamicModule } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { safety } from '@flotilla/contracts';
import type { Handlers } from './definition.ts';
import { createMemoryNetwork } from './memory-network.ts';
import { nestService, RpcController } from './nest.ts';

class Rules {
  readonly word: string;
  constructor(word: string) {
    this.word = word;
  }
}

@RpcController(safety.SafetyDefinition)
class SafetyRpc implements Handlers<typeof safety.SafetyDefinition> {
  constructor(@Inject(Rules) private readonly rules: Rules) {}

  async check(request: safety.CheckRequest): Promise<safety.CheckResponse> {
    const blocked = request.messages.some((message) => message.content.includes(this.rules.word));
    return { action: blocked ? safety.Action.BLOCK : safety.Action.ALLOW, findings: [] };
  }

  async guard(request: safety.GuardRequest): Promise<safety.GuardResponse> {
    return safety.GuardResponse.fromPartial({ release: request.text });
  }
}

class SafetyModule {
  static with(word: string): DynamicModule {
    return {
      module: SafetyModule,
      controllers: [SafetyRpc],
      providers: [{ provide: Rules, useFactory: () => new Rules(word) }],
    };
  }
}

const request = (content: string) => safety.CheckRequest.fromPartial({ messages: [{ content }] });

describe('nestService', () => {
  it('serves the controllers of its container from start to stop, and again after a restart', async () => {
    const rpc = createMemoryNetwork();
    const steps: string[] = [];
    const service = nestService({
      name: 'safety',
      module: SafetyModule.with('forbidden'),
      rpc,
      onStart: (app) => void steps.push(`start with ${app.get(Rules).word}`),
      onStop: () => void steps.push('stop'),
    });
    const client = rpc.client(safety.SafetyDefinition);
    await expect(client.check(request('x'))).rejects.toMatchObject({ code: 'unavailable' });

    for (let round = 0; round < 2; round += 1) {
      await service.start();
      expect(await service.ready()).toBe(true);
      expect((await client.check(request('a forbidden word'))).action).toBe(safety.Action.BLOCK);
      expect((await client.check(request('hello'))).action).toBe(safety.Action.ALLOW);
      await service.stop();
      expect(await service.ready()).toBe(false);
      await expect(client.check(request('x'))).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(steps).toEqual(['start with forbidden', 'stop', 'start with forbidden', 'stop']);
  });

  it('fails to start with the cause when onStart fails, and frees what it had', async () => {
    const rpc = createMemoryNetwork();
    let stopped = false;
    const service = nestService({
      name: 'safety',
      module: SafetyModule.with('x'),
      rpc,
      onStart: () => Promise.reject(new Error('no database')),
      onStop: () => void (stopped = true),
    });
    await expect(service.start()).rejects.toThrow('no database');
    expect(stopped).toBe(true);
    expect(await service.ready()).toBe(false);
  });

  it('fails to start with the cause when a provider cannot be made', async () => {
    const module: DynamicModule = {
      module: SafetyModule,
      providers: [{ provide: Rules, useFactory: () => Promise.reject(new Error('bad rule pack')) }],
    };
    const service = nestService({ name: 'safety', module, rpc: createMemoryNetwork() });
    await expect(service.start()).rejects.toThrow('bad rule pack');
  });
});
