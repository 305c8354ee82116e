import { devKey } from '../../platform.fixture.ts';
import type { Operation } from './operation.ts';
import { adminOperations } from './operations.ts';

type Json = Record<string, unknown>;

export interface Asked {
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
  body?: unknown;
  /** Absent: the development key, which may do anything. */
  key?: string;
  headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export function operationOf(id: string): Operation {
  const found = adminOperations.find((operation) => operation.id === id);
  if (!found) throw new Error(`there is no operation ${id}`);
  return found;
}

/** Asks one operation over HTTP, and holds what it answers against its own schema. */
export async function ask(url: string, id: string, asked: Asked = {}): Promise<Answered> {
  const operation = operationOf(id);
  const response = await fetch(url + pathOf(operation, asked), {
    method: operation.method,
    headers: {
      authorization: `Bearer ${asked.key ?? devKey}`,
      ...(asked.body !== undefined && { 'content-type': 'application/json' }),
      ...asked.headers,
    },
    ...(asked.body !== undefined && { body: JSON.stringify(asked.body) }),
  });
  const body = (await response.json()) as Json;
  if (response.ok) operation.response.parse(body);
  return { status: response.status, headers: response.headers, body };
}

/** As `ask`, for what has to go well: the body alone. */
export async function need(url: string, id: string, asked: Asked = {}): Promise<Json> {
  const { status, body } = await ask(url, id, asked);
  if (status >= 300) throw new Error(`${id} answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

export function problem({ status, body }: Answered): Json {
  const { code, param, message } = body['error'] as Json;
  return { status, code, param, message };
}

function pathOf({ path }: Operation, { params = {}, query = {} }: Asked): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const search = new URLSearchParams(query).toString();
  return search === '' ? filled : `${filled}?${search}`;
}
