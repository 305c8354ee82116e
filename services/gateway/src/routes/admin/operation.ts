import type { z } from 'zod';
import type { Scope } from '../../access/identity.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';

type Shape = z.ZodObject;

/** What an operation is asked, checked by its schemas. */
export interface Call<P extends Shape, Q extends Shape, B extends z.ZodType> {
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
  readonly exchange: Exchange;
}

interface Declared<P extends Shape, Q extends Shape, B extends z.ZodType, R extends z.ZodType> {
  /** OpenAPI's operationId, and the metric's label. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As OpenAPI has it: `/admin/api/orgs/{org}`. A path parameter `org` is closed to organisation admins of another. */
  readonly path: string;
  readonly scope: Scope;
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  /** Of operations that take no body: an empty object. */
  readonly body: B;
  readonly response: R;
  readonly status: 200 | 201;
  /** Renders the answer as CSV, where it can be asked for by `format=csv` or `accept: text/csv`. */
  csv?(answer: z.output<R>): string;
  run(edge: Edge, call: Call<P, Q, B>): Promise<z.input<R>>;
}

/** One route: what it takes, what it answers, and what it does. Fastify's routes and the OpenAPI document come from these. */
export type Operation = Omit<Declared<Shape, Shape, z.ZodType, z.ZodType>, 'run' | 'csv'> & {
  csv?(answer: unknown): string;
  run(edge: Edge, call: Call<Shape, Shape, z.ZodType>): Promise<unknown>;
};

/** Holds a declaration against its own schemas; the table keeps it without them. */
export function operation<P extends Shape, Q extends Shape, B extends z.ZodType, R extends z.ZodType>(
  declared: Declared<P, Q, B, R>,
): Operation {
  return declared as unknown as Operation;
}
