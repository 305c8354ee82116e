import http from 'node:http';
import { failureOf, maxAnswerBytes, type EngineAnswer, type EngineRequest } from '../engine-http.ts';
import { ProbeFailure } from '../probe.ts';

/** To each engine. */
const maxConnections = 3;
/** A connection that is not used for so long is closed: a large fleet is probed less often than that. Milliseconds. */
const idleMs = 2_500;

export interface PodHttp {
  /** Reads the whole answer. Throws ProbeFailure when there is none. */
  ask(url: string, request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer>;
  close(): void;
}

/**
 * HTTP to thousands of engines, each asked a little and seldom. Node's own client: a pool of undici's to each engine takes
 * twice the CPU and memory.
 */
export function createPodHttp(): PodHttp {
  const agent = new http.Agent({ keepAlive: true, maxSockets: maxConnections, maxFreeSockets: 1, timeout: idleMs });
  const ask: PodHttp['ask'] = async (url, request, signal) => {
    try {
      return await answerOf(agent, url, request, signal);
    } catch (error) {
      if (error instanceof StaleConnection && !signal.aborted) return ask(url, request, signal);
      throw error instanceof ProbeFailure ? error : failureOf(error);
    }
  };
  return { ask, close: () => agent.destroy() };
}

/** The engine closed a connection at the moment it was used again: nothing was lost, and it is no failure of it. */
class StaleConnection extends ProbeFailure {}

function answerOf(
  agent: http.Agent,
  url: string,
  { method = 'GET', headers = {}, body }: EngineRequest,
  signal: AbortSignal,
): Promise<EngineAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method, headers, signal }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        parts.push(part);
        if (bytes > maxAnswerBytes) request.destroy(new ProbeFailure('its answer is too long'));
      });
      response.on('end', () => {
        const text = (parts.length === 1 ? parts[0]! : Buffer.concat(parts)).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text });
      });
      response.on('error', reject);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && error.code === 'ECONNRESET' && method === 'GET';
      reject(stale ? new StaleConnection('it broke the connection') : error);
    });
    request.end(body);
  });
}
