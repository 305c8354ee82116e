import type { ModelSpec } from '../models/model-spec.ts';
import type { Load } from './load.ts';

export interface Ask {
  /** Replicas of the first profile, with a fraction. */
  readonly units: number;
  /** What asks for most. */
  readonly kind: 'nothing' | 'requests' | 'queue' | 'KV cache' | 'tokens' | 'arrivals';
  /** Its figures. */
  readonly words: string;
}

export interface AskFacts {
  readonly target: ModelSpec['scaling']['target'];
  readonly stableWindowSeconds: number;
  /** Replicas that serve, and what they can do. */
  readonly serving: number;
  /** It looks at a long time: one more is asked for where a target was missed in spite of what the flow says. */
  readonly patient: boolean;
  readonly servingUnits: number;
  /** Output tokens of a request, and of a unit in a second; undefined: not known. */
  readonly tokensPerRequest: number | undefined;
  readonly unitTokens: number | undefined;
}

/** So far above its target a replica may be before another comes: noise is not demand. */
export const tolerance = 1.05;

/** The replicas that a load needs by each target; the largest ask decides. */
export function askOf(load: Load, facts: AskFacts): Ask {
  const { target, serving, servingUnits } = facts;
  const flow = flowUnits(load, facts);
  const most = Math.max(flow ?? Infinity, facts.patient ? servingUnits + 1 : 0);
  const bounded = (units: number) => (units <= servingUnits * tolerance ? units : Math.min(units, most));
  const over = serving > 0 ? ` over ${counted(serving, 'replica')}` : '';
  const requests = (flow === undefined ? load.requestUnits : load.countedUnits) + load.held / target.requests;
  const kv = serving > 0 && load.kvUnits >= servingUnits ? Math.max(load.kvUnits, servingUnits + 0.01) : load.kvUnits;
  const asks: Ask[] = [
    { units: 0, kind: 'nothing', words: 'nothing to do' },
    {
      units: bounded(requests),
      kind: 'requests',
      words: `${counted(load.requests + load.held, 'request')}${over}, target ${target.requests} each`,
    },
    {
      units: bounded(load.waitingUnits),
      kind: 'queue',
      words: `queue ${figure(load.waiting)}${over}, target ${target.waiting} each`,
    },
    // At its target the cache is full for what comes next: no tolerance.
    {
      units: kv * tolerance,
      kind: 'KV cache',
      words: `KV cache ${percent((load.kvUnits * target.kvCache) / (servingUnits || 1))}${over}, target ${percent(target.kvCache)}`,
    },
    {
      units: target.tokensPerSecond ? load.tokens / target.tokensPerSecond : 0,
      kind: 'tokens',
      words: `${figure(load.tokens)} tokens/s${over}, target ${target.tokensPerSecond} each`,
    },
    {
      units: flow ?? 0,
      kind: 'arrivals',
      words: `${figure(load.arrived)} requests/s of ${figure(facts.tokensPerRequest ?? 0)} tokens, a replica gives ${figure(facts.unitTokens ?? 0)} tokens/s`,
    },
  ];
  return asks.reduce((most, ask) => (ask.units > most.units + 1e-9 ? ask : most));
}

/**
 * Replicas for what arrives, by the tokens that takes, and for what the queues keep busy. The length of a queue says how long too
 * few have been there, not how many are needed: taken alone it orders far too many while the first ones still start.
 */
function flowUnits(load: Load, facts: AskFacts): number | undefined {
  const { tokensPerRequest, unitTokens, stableWindowSeconds, servingUnits } = facts;
  if (!tokensPerRequest || !unitTokens) return undefined;
  // Who does not come by way of a router is seen in what is generated alone.
  const offered =
    load.arrived > 0 ? load.arrived * tokensPerRequest : Math.min(load.generated, servingUnits * unitTokens);
  const held = (load.held * tokensPerRequest) / Math.max(stableWindowSeconds, 1);
  return (offered + held) / unitTokens + load.cloggedUnits;
}

/** Two digits: calm traffic reads the same from second to second. */
function figure(value: number): string {
  if (value <= 0) return '0';
  const step = 10 ** Math.max(-1, Math.floor(Math.log10(value)) - 1);
  return String(Number((Math.round(value / step) * step).toFixed(1)));
}

function counted(value: number, noun: string): string {
  const said = figure(value);
  return `${said} ${noun}${said === '1' ? '' : 's'}`;
}

function percent(share: number): string {
  return `${Math.round(share * 20) * 5} %`;
}
