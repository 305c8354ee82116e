import type { FastifyInstance } from 'fastify';
import type { Edge } from '../../http/edge.ts';
import { handler } from '../../http/route.ts';
import { sendJson, sendText } from '../../http/send.ts';

/** GET /healthz, /v1/healthz (alive), /readyz (takes work), /metrics (Prometheus text). All without a key. */
export function probes(app: FastifyInstance, edge: Edge): void {
  const { clock } = edge;
  const config = { open: true };
  for (const url of ['/healthz', '/v1/healthz']) {
    app.get(
      url,
      { config },
      handler(edge, async (_request, exchange) => sendJson(exchange, clock, 200, '{"status":"ok"}')),
    );
  }
  app.get(
    '/readyz',
    { config },
    handler(edge, async (_request, exchange) => {
      if (await edge.ready()) sendJson(exchange, clock, 200, '{"status":"ready"}');
      else sendJson(exchange, clock, 503, '{"status":"not ready"}', ['retry-after', '1']);
    }),
  );
  app.get(
    '/metrics',
    { config },
    handler(edge, async (_request, exchange) =>
      sendText(exchange, clock, 'text/plain; version=0.0.4; charset=utf-8', await edge.metrics()),
    ),
  );
}
