import type { DynamicModule } from '@nestjs/common';
import { Limiter } from './limiter.ts';
import { LimitsRpc, USAGE_SOURCE, type UsageSource } from './limits.rpc.ts';

export class RateLimiterModule {
  static with(limiter: Limiter, usage: UsageSource): DynamicModule {
    return {
      module: RateLimiterModule,
      providers: [
        { provide: Limiter, useValue: limiter },
        { provide: USAGE_SOURCE, useValue: usage },
      ],
      controllers: [LimitsRpc],
    };
  }
}
