import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { adminApiDocument } from './admin.ts';
import { openApiDocument } from './openapi.ts';
import { operation } from './operation.ts';
import { adminOperations } from './operations.ts';

type Json = Record<string, unknown>;

const none = z.strictObject({});
const thing = z.strictObject({ id: z.string() }).meta({ id: 'Thing' });

const putThing = operation({
  ...{ id: 'putThing', method: 'PUT', path: '/things/{thing}', scope: 'admin', summary: 'Put a thing' },
  params: z.strictObject({ thing: z.string() }),
  query: z.strictObject({ limit: z.coerce.number().int().max(9).default(3).describe('How many.') }),
  body: z.strictObject({ name: z.string(), size: z.number().default(1) }),
  ...{ response: z.strictObject({ data: z.array(thing) }), status: 200 },
  csv: () => '',
  run: async () => ({ data: [] }),
});
const getThing = operation({
  ...{ id: 'getThing', method: 'GET', path: '/things/{thing}', scope: 'admin', summary: 'Get a thing' },
  ...{ params: z.strictObject({ thing: z.string() }), query: none, body: none, response: thing, status: 200 },
  run: async () => ({ id: '' }),
});

describe('the OpenAPI document', () => {
  const { paths, components } = openApiDocument([putThing, getThing]) as {
    paths: Record<string, Record<string, Json>>;
    components: { schemas: Json };
  };
  const { put, get } = paths['/things/{thing}']!;

  it('tells what a route takes, as a client has to send it', () => {
    expect(put).toMatchObject({ operationId: 'putThing', summary: 'Put a thing', 'x-scope': 'admin' });
    expect(put?.['parameters']).toEqual([
      { name: 'thing', in: 'path', required: true, schema: { type: 'string' } },
      expect.objectContaining({ name: 'limit', in: 'query', required: false, description: 'How many.' }),
    ]);
    expect(put?.['requestBody']).toMatchObject({
      content: { 'application/json': { schema: { required: ['name'], additionalProperties: false } } },
    });
    expect(get).not.toHaveProperty('requestBody');
  });

  it('tells what it answers, named schemas once', () => {
    expect(put?.['responses']).toMatchObject({
      200: {
        content: {
          'application/json': { schema: { properties: { data: { items: { $ref: '#/components/schemas/Thing' } } } } },
          'text/csv': { schema: { type: 'string' } },
        },
      },
      default: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
    });
    expect(get?.['responses']).toMatchObject({
      200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
    });
    expect(components.schemas).toMatchObject({ Thing: { type: 'object', required: ['id'] }, Error: {} });
  });
});

describe('the document of the admin API', () => {
  it('has every route once, under a name of its own, and no reference that leads nowhere', () => {
    const document = adminApiDocument() as { paths: Record<string, Json>; components: { schemas: Json } };
    const routes = Object.values(document.paths).flatMap((path) => Object.keys(path));
    expect(routes).toHaveLength(adminOperations.length);
    expect(new Set(adminOperations.map(({ id }) => id)).size).toBe(adminOperations.length);
    for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name);
    }
  });

  it('names every parameter of a path', () => {
    for (const { path, params } of adminOperations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(params.shape).sort()).toEqual(named.sort());
    }
  });
});
