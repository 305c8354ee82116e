import type { router } from '@flotilla/contracts';
import { counter } from '@flotilla/telemetry';
import type { FastifyInstance } from 'fastify';
import { rateHeaders } from '../../admission/rate-headers.ts';
import { noUsage } from '../../chat/answer.ts';
import { invalid } from '../../chat/invalid.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { handler } from '../../http/route.ts';
import { sendJson } from '../../http/send.ts';
import { usableModels } from '../models/usable-models.ts';
import { readEmbeddingsBody, type EmbeddingsBody } from './embeddings-body.ts';

const embedded = counter({
  name: 'flotilla_gateway_embedded_inputs_total',
  description: 'Texts that were embedded for clients',
  unit: '{input}',
}).bind({});

/** Models whose vectors may be cut say so by this capability: they were trained to (Matryoshka). */
const cuttable = 'dimensions';

/** POST /v1/embeddings */
export function embeddings(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/embeddings',
    handler(edge, async (request, exchange) => {
      const body = readEmbeddingsBody(request.body);
      if (body.dimensions !== undefined) await checkCuttable(edge, exchange, body.model);
      const { model, inputs } = body;
      const { response, grant } = await edge.turns.embed(exchange, { model, inputs });
      embedded.add(inputs.length);
      const headers = rateHeaders(grant.limits);
      sendJson(exchange, edge.clock, 200, JSON.stringify(listObject(response, body)), headers);
    }),
  );
}

async function checkCuttable(edge: Edge, exchange: Exchange, model: string): Promise<void> {
  const known = (await usableModels(edge, exchange)).find(({ name }) => name === model);
  if (known?.capabilities.includes(cuttable)) return;
  throw invalid('dimensions', `The vectors of '${model.slice(0, 256)}' cannot be cut: leave 'dimensions' out.`);
}

function listObject({ model, embeddings: vectors, usage = noUsage }: router.EmbedResponse, body: EmbeddingsBody) {
  return {
    object: 'list',
    data: vectors.map(({ values }, index) => ({
      ...{ object: 'embedding', index },
      embedding: encode(cut(values, body.dimensions), body.base64),
    })),
    model: model || body.model,
    usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
  };
}

/** The first so many numbers, at length 1 again. */
function cut(values: number[], dimensions: number | undefined): number[] {
  if (dimensions === undefined || dimensions === values.length) return values;
  if (dimensions > values.length) {
    throw invalid('dimensions', `'dimensions' is ${dimensions}, and the vectors of this model have ${values.length}.`);
  }
  const kept = values.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return length === 0 ? kept : kept.map((value) => value / length);
}

/** OpenAI's base64: 32-bit floats, little-endian. */
function encode(values: number[], base64: boolean): number[] | string {
  if (!base64) return values;
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
