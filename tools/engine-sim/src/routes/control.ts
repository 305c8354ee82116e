import { z } from 'zod';
import type { Engine } from '../engine.ts';
import { badRequest, type Exchange } from '../http/exchange.ts';
import { parseFields } from './generation.ts';

/** The version of vLLM whose surface this is. */
const version = '0.11.0';

/** GET /health: 503 when the engine is dead, as vLLM's is. */
export function health(engine: Engine, exchange: Exchange): void {
  exchange.response.writeHead(engine.faults.dead ? 503 : 200).end();
}

export function showVersion(_engine: Engine, exchange: Exchange): void {
  exchange.json(200, { version });
}

export function load(engine: Engine, exchange: Exchange): void {
  exchange.json(200, { server_load: engine.stats.load });
}

export function metrics(engine: Engine, exchange: Exchange): void {
  exchange.response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  exchange.response.end(engine.metricsText());
}

/** POST /sleep?level=1&mode=abort: what runs is aborted, the KV cache is lost. */
export function sleep(engine: Engine, exchange: Exchange): void {
  const level = Number(exchange.query.get('level') ?? '1');
  if (level !== 1 && level !== 2) throw badRequest('level must be 1 or 2.', 'level');
  engine.sleeper.sleep(level);
  engine.scheduler.abortAll();
  exchange.response.writeHead(200).end();
}

/** POST /wake_up?tags=weights&tags=kv_cache; without tags all of it. */
export function wakeUp(engine: Engine, exchange: Exchange): void {
  const tags = exchange.query.getAll('tags');
  const awake = () => {
    engine.sleeper.wake(tags);
    exchange.response.writeHead(200).end();
  };
  if (engine.options.wakeMs === 0) return awake();
  engine.clock.after(engine.options.wakeMs, awake);
}

const collectiveCall = z.object({ method: z.string() });

/** POST /collective_rpc {method: "reload_weights"}. */
export function collectiveRpc(engine: Engine, exchange: Exchange, body: Record<string, unknown>): void {
  const { method } = parseFields(collectiveCall, body);
  if (method !== 'reload_weights') throw badRequest(`The simulator does not know the method ${method}.`, 'method');
  if (!engine.sleeper.reloadWeights()) throw badRequest('The memory of the weights is not woken up yet.');
  exchange.json(200, { results: [null] });
}

export function isSleeping(engine: Engine, exchange: Exchange): void {
  exchange.json(200, { is_sleeping: engine.sleeper.level > 0 });
}
