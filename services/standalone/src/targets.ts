import type { Target } from '@flotilla/host';
import { gatewayTarget } from '@flotilla/gateway';
import { fleetTarget } from '@flotilla/gpu-fleet-controller';
import { routerTarget } from '@flotilla/llm-router';
import { orchestratorTarget } from '@flotilla/orchestrator';
import { ragTarget } from '@flotilla/rag';
import { rateLimiterTarget } from '@flotilla/rate-limiter';
import { safetyTarget } from '@flotilla/safety';
import { startOrder, type Needs } from './target-order.ts';

/** Every target and what must run before it. */
const table = {
  safety: { target: safetyTarget, needs: [] },
  'rate-limiter': { target: rateLimiterTarget, needs: [] },
  'gpu-fleet-controller': { target: fleetTarget, needs: [] },
  'llm-router': { target: routerTarget, needs: ['gpu-fleet-controller'] },
  rag: { target: ragTarget, needs: ['llm-router'] },
  orchestrator: { target: orchestratorTarget, needs: ['rate-limiter', 'safety', 'rag', 'llm-router'] },
  gateway: {
    target: gatewayTarget,
    needs: ['orchestrator', 'rate-limiter', 'rag', 'llm-router', 'safety', 'gpu-fleet-controller'],
  },
} as const satisfies Record<string, { target: Target; needs: readonly string[] }>;

export const needs: Needs = Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row.needs]));

/** All targets in the order they start. */
export const targets: readonly Target[] = startOrder(needs).map((name) => table[name as keyof typeof table].target);
