import { z } from 'zod';
import { errorTable } from '@flotilla/kernel';
import type { Operation } from './operation.ts';

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of operations, from the schemas that check their requests. Schemas with an id are shared. */
export function openApiDocument(operations: readonly Operation[]): Json {
  const schemas: Json = { Error: errorSchema };
  const paths: Record<string, Json> = {};
  for (const each of operations) {
    const { path, method } = each;
    (paths[path] ??= {})[method.toLowerCase()] = operationObject(each, schemas);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Flotilla admin API',
      version: '1',
      description:
        'Organisations, users, API keys, tiers, content rules, the audit log and what was used. A key with the scope `admin` sees all; one with `org-admin` its own organisation.',
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas },
  };
}

function operationObject({ id, summary, scope, params, query, body, response, status, csv }: Operation, schemas: Json) {
  const content: Json = { 'application/json': { schema: shared(response, 'output', schemas) } };
  if (csv) content['text/csv'] = { schema: { type: 'string' } };
  const parameters = [...parametersOf(params, 'path', schemas), ...parametersOf(query, 'query', schemas)];
  return {
    ...{ operationId: id, summary, 'x-scope': scope },
    ...(parameters.length > 0 && { parameters }),
    ...(takesBody(body) && {
      requestBody: { content: { 'application/json': { schema: shared(body, 'input', schemas) } } },
    }),
    responses: { [status]: { description: 'Done.', content }, default: refused },
  };
}

export function takesBody(body: z.ZodType): boolean {
  return !(body instanceof z.ZodObject) || Object.keys(body.shape).length > 0;
}

function parametersOf(schema: z.ZodObject, place: 'path' | 'query', schemas: Json): Json[] {
  const { properties, required } = shared(schema, 'input', schemas) as { properties: Json; required?: string[] };
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Json;
    const needed = place === 'path' || (required ?? []).includes(name);
    return { name, in: place, required: needed, ...(description !== undefined && { description }), schema: rest };
  });
}

/** A schema as JSON Schema; those with an id go to `schemas` and are referred to. */
function shared(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  // Only below the root does zod refer to a schema by its id.
  const { properties, $defs } = z.toJSONSchema(z.object({ it: schema }), { io }) as { properties: Json; $defs?: Json };
  Object.assign(schemas, byReference($defs ?? {}));
  return byReference(properties['it'] as Json);
}

function byReference(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}

const refused = {
  description: 'Refused; the message says what to do next.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

const errorSchema: Json = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'], description: 'The path of the field that is wrong.' },
        code: { type: 'string', enum: Object.keys(errorTable) },
      },
      required: ['message', 'type', 'param', 'code'],
    },
  },
  required: ['error'],
};
