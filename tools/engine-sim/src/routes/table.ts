import type { Engine } from '../engine.ts';
import type { Exchange } from '../http/exchange.ts';
import { addFault, clearFaults, listFaults, resetStats, showStats } from './admin.ts';
import { chat } from './chat.ts';
import { completions } from './completions.ts';
import { collectiveRpc, health, isSleeping, load, metrics, showVersion, sleep, wakeUp } from './control.ts';
import { embeddings } from './embeddings.ts';
import { listModels, loadAdapter, tokenizeText, unloadAdapter } from './models.ts';

/** Answers a request, at once or later. Throws ApiError. */
export type Route = (engine: Engine, exchange: Exchange, body: Record<string, unknown>, bodyLength: number) => void;

/** Every route, by path and method. */
export const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/health': { GET: health },
  '/version': { GET: showVersion },
  '/load': { GET: load },
  '/metrics': { GET: metrics },
  '/v1/models': { GET: listModels },
  '/tokenize': { POST: tokenizeText },
  '/v1/chat/completions': { POST: chat },
  '/v1/completions': { POST: completions },
  '/v1/embeddings': { POST: embeddings },
  '/v1/load_lora_adapter': { POST: loadAdapter },
  '/v1/unload_lora_adapter': { POST: unloadAdapter },
  '/sleep': { POST: sleep },
  '/wake_up': { POST: wakeUp },
  '/collective_rpc': { POST: collectiveRpc },
  '/is_sleeping': { GET: isSleeping },
  '/sim/faults': { GET: listFaults, POST: addFault, DELETE: clearFaults },
  '/sim/stats': { GET: showStats, DELETE: resetStats },
};
