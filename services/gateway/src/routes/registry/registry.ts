import { fleet } from '@flotilla/contracts';
import type { FastifyInstance } from 'fastify';
import type { Edge } from '../../http/edge.ts';
import { jsonHandler } from '../../http/route.ts';

const states: Readonly<Record<fleet.EngineState, string>> = {
  [fleet.EngineState.UNSPECIFIED]: 'unknown',
  [fleet.EngineState.STOPPED]: 'stopped',
  [fleet.EngineState.STARTING]: 'starting',
  [fleet.EngineState.READY]: 'ready',
  [fleet.EngineState.UNHEALTHY]: 'unhealthy',
};

/** GET /v1/debug/registry and /v1/autostart/status: what the platform makes of its models and engines. For admins. */
export function registry(app: FastifyInstance, edge: Edge): void {
  const config = { scope: 'admin' as const };
  app.get(
    '/v1/debug/registry',
    { config },
    jsonHandler(edge, async (_request, { caller, signal }) => {
      const { json } = await edge.registry.describeRegistry(
        { caller },
        { signal, timeoutMs: edge.config.callTimeoutMs },
      );
      return JSON.parse(json) as object;
    }),
  );
  app.get(
    '/v1/autostart/status',
    { config },
    jsonHandler(edge, async (_request, { signal }) => {
      const { enabled, services } = await edge.activation.getAutostart(
        {},
        { signal, timeoutMs: edge.config.callTimeoutMs },
      );
      return { object: 'autostart', enabled, services: services.map(serviceObject) };
    }),
  );
}

function serviceObject(service: fleet.AutostartService): object {
  const { name, provider, models, state, reason, pid, port, since, activeModel, lastUsedAt, idleStopMs } = service;
  return {
    ...{ name, provider, models, state: states[state], reason: reason || null },
    ...{ pid: pid || null, port: port || null, active_model: activeModel || null },
    ...{ since: momentOrNull(since), last_used_at: momentOrNull(lastUsedAt), idle_stop_ms: idleStopMs || null },
    log_file: service.logFile || null,
  };
}

/** Seconds since 1970, as in OpenAI's objects. */
function momentOrNull(ms: number): number | null {
  return ms > 0 ? Math.floor(ms / 1_000) : null;
}
