import type { ModelConfig, ModelPrice } from '@flotilla/kernel';
import type { Target } from '../providers/target.ts';

/** Targets that stand for one line of a model's configuration, and its share of the requests. */
export interface Route {
  readonly weight: number;
  readonly targets: readonly Target[];
  /** Of the model whose route it is: routes of one family have the same weights behind them. */
  readonly family?: string | undefined;
  /** What an answer costs there; undefined: no model of the configuration says so. */
  readonly price?: ModelPrice | undefined;
  /** The model of the configuration that the route is of; of a fallback it may be another than was asked for. */
  readonly entry?: ModelConfig | undefined;
}

/** Whether an engine answers on one of them. */
export function hasReady(routes: readonly Route[]): boolean {
  return routes.some(({ targets }) => targets.some(({ endpoint }) => endpoint.facts.ready));
}

/** Where the requests for one name may go. */
export interface Resolution {
  /** The model's own name, whatever alias, role or adapter's base it was asked for by: answers are signed with it. */
  readonly name: string;
  /** What the configuration says of it; undefined when only an engine knows it. */
  readonly entry: ModelConfig | undefined;
  /** `name` is that of a LoRA adapter of `entry`. */
  readonly adapter?: boolean;
  readonly capabilities: readonly string[];
  readonly routes: readonly Route[];
  /** In order, when no route answers. */
  readonly fallbacks: readonly Route[];
  /** In order, when the prompt is longer than the model's context window; absent: there are none. */
  readonly contextFallbacks?: readonly Route[];
  /** Whether the name stands in the configuration or was said by an engine: only such names become labels of metrics. */
  readonly listed: boolean;
}
