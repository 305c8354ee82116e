import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { counter } from '@flotilla/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Edge } from '../../http/edge.ts';
import { parse } from '../../http/parse.ts';
import { handler } from '../../http/route.ts';
import { sendJson, sendText } from '../../http/send.ts';
import type { Call, Operation } from './operation.ts';
import { checkReach } from './reach.ts';
import { snakeCase } from './shapes.ts';
import { checkText } from './text.ts';

/** Bytes: far above any organisation's rules, far below what a parser minds. */
const bodyLimit = 64 * 1024;

const asked = counter({
  name: 'flotilla_gateway_admin_requests_total',
  description: 'Requests of the admin API and of usage, by operation and error code (empty: answered)',
  unit: '{request}',
});

/** Operations as Fastify's routes. */
export function serve(app: FastifyInstance, edge: Edge, operations: readonly Operation[]): void {
  for (const operation of operations) {
    app.route({
      method: operation.method,
      url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit,
      config: { scope: operation.scope },
      handler: handler(edge, (request, exchange) => {
        // Organisations' data, and sometimes a secret: nothing between here and the client may keep it.
        exchange.headers.push('cache-control', 'no-store');
        return answer(edge, operation, request).catch((thrown: unknown) => {
          const error = publicNames(toFlotillaError(thrown));
          asked.add(1, { operation: operation.id, code: error.code });
          throw error;
        });
      }),
    });
  }
}

async function answer(edge: Edge, operation: Operation, request: FastifyRequest): Promise<void> {
  const { exchange } = request;
  const call = checked(operation, request);
  checkReach(exchange.identity, call);
  const result = await operation.run(edge, call);
  const csv = operation.csv && wantsCsv(request) ? operation.csv(result) : undefined;
  asked.add(1, { operation: operation.id, code: '' });
  if (csv === undefined) sendJson(exchange, edge.clock, operation.status, JSON.stringify(result));
  else sendText(exchange, edge.clock, 'text/csv; charset=utf-8', csv);
}

function checked({ params, query, body }: Operation, request: FastifyRequest): Call<never, never, never> {
  const asked = {
    params: parse(params, request.params),
    query: parse(query, request.query),
    body: parse(body, request.body ?? {}),
  };
  for (const part of Object.values(asked)) checkText(part);
  return { ...asked, exchange: request.exchange } as Call<never, never, never>;
}

/** The directory names fields as TypeScript does, this API as OpenAI's does. */
function publicNames(error: FlotillaError): FlotillaError {
  const { code, message, details, cause } = error;
  if (details.param === undefined || snakeCase(details.param) === details.param) return error;
  return new FlotillaError(code, message, { details: { ...details, param: snakeCase(details.param) }, cause });
}

function wantsCsv({ query, headers }: FastifyRequest): boolean {
  const { format } = query as { format?: string };
  if (format !== undefined) return format === 'csv';
  return headers.accept?.includes('text/csv') ?? false;
}
