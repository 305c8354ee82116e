import type { DynamicModule } from '@nestjs/common';
import { Limiter } from './limiter.ts';
import { LimitsRpc } from './limits.rpc.ts';

export class RateLimiterModule {
  static with(limiter: Limiter): DynamicModule {
    return {
      module: RateLimiterModule,
      providers: [{ provide: Limiter, useValue: limiter }],
      controllers: [LimitsRpc],
    };
  }
}
