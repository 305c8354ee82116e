import type { Engine } from '../engine.ts';
import { faultRequest } from '../faults.ts';
import { badRequest, type Exchange } from '../http/exchange.ts';
import { parseFields } from './generation.ts';

export function listFaults(engine: Engine, exchange: Exchange): void {
  exchange.json(200, { faults: engine.faults.list() });
}

/** POST /sim/faults {fault, count?, probability?, path?}. A `dead` without count also breaks what is under way. */
export function addFault(engine: Engine, exchange: Exchange, body: Record<string, unknown>): void {
  if (!engine.faults.add(parseFields(faultRequest, body))) throw badRequest('Too many faults are set.');
  if (engine.faults.dead) engine.scheduler.abortAll();
  listFaults(engine, exchange);
}

export function clearFaults(engine: Engine, exchange: Exchange): void {
  engine.faults.clear();
  listFaults(engine, exchange);
}

export function showStats(engine: Engine, exchange: Exchange): void {
  exchange.json(200, engine.stats.view(engine.scheduler.load.waiting));
}

export function resetStats(engine: Engine, exchange: Exchange): void {
  engine.stats.reset();
  showStats(engine, exchange);
}
