import { router } from '@flotilla/contracts';
import { pickingSchema, type PickingConfig } from '@flotilla/kernel';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { defaults, type RouterConfig } from '../config.ts';
import { Endpoint, type EndpointFacts } from '../endpoints/endpoint.ts';
import type { Account } from '../providers/account.ts';
import type { ProviderAdapter } from '../providers/provider.ts';
import { Target } from '../providers/target.ts';
import type { Resolution } from '../registry/registry.ts';
import { EndpointPicker } from './endpoint-picker.ts';

/** An engine of that name. The picker speaks to none, so it has neither account nor adapter. */
export function target(id: string, more: Partial<EndpointFacts> = {}, { near = true, model = 'm' } = {}): Target {
  const endpoint = new Endpoint({
    ...{ id, provider: id, kind: 'vllm', baseUrl: `http://${id}`, ready: true, models: [], waiting: 0, since: 0 },
    ...more,
  });
  endpoint.near = near;
  return new Target({ endpoint, model, adapter: {} as ProviderAdapter, account: {} as Account });
}

/** A model with these routes: weight, and the engines of each. */
export function resolution(weights: [number, Target[]][], fallbacks: Target[][] = []): Resolution {
  return {
    ...{ name: 'm', entry: undefined, capabilities: [], listed: true },
    routes: weights.map(([weight, targets]) => ({ weight, targets })),
    fallbacks: fallbacks.map((targets) => ({ weight: 1, targets })),
  };
}

export function createPicking(
  settings: Parameters<typeof pickingSchema.parse>[0] = {},
  config: Partial<RouterConfig> = {},
) {
  const clock = createFakeClock();
  const current: PickingConfig = pickingSchema.parse(settings);
  const parts = { clock, random: createSeededRandom(7), config: { ...defaults, ...config } };
  return { clock, picker: new EndpointPicker({ ...parts, settings: () => current }) };
}

export const idOf = (picked: Target | undefined) => picked?.endpoint.facts.id;

/** A request with this prompt. */
export function asking(content: string, caller: { orgId?: string } = {}): router.GenerateRequest {
  return router.GenerateRequest.fromPartial({ caller, model: 'm', messages: [{ role: 'user', content }] });
}
