import { systemClock, systemRandom, type Clock, type Random } from '@flotilla/kernel';
import { findAccess, type KubeAccess } from './http/access.ts';
import { CallRate } from './http/call-rate.ts';
import { HttpCalls, unreachable, type Answer, type Call } from './http/http-calls.ts';
import { linesOf } from './http/lines.ts';
import { errorOfStatus, namesAnObject } from './http/status.ts';
import type { CallOptions, DeleteOptions, KubeApi, ListPage, ObjectName, Selection, WatchEvent } from './kube-api.ts';
import { KubeError } from './kube-error.ts';
import type { KubeObject, Resource } from './object.ts';
import { resourceFinder, resourcePath, type ResourceOf } from './resource-path.ts';
import { known } from './resources.ts';

/** Characters of one object in a watch: etcd keeps none above 1.5 MB. */
const mostOfAnEvent = 16 * 1024 * 1024;

/** A watch ends by itself after this long to twice this long, by chance, so not all come back at once. */
const watchSeconds = 150;

export interface KubeApiOptions {
  /** Absent: as `findAccess` finds it. */
  access?: KubeAccess;
  /** Kinds that create, apply and replace take beside the ones that are known here: those of custom resources. */
  resources?: readonly Resource[];
  /** Most calls a second this process makes, watches included; twice that at once. Absent: no limit. */
  callsPerSecond?: number;
  clock?: Clock;
  random?: Random;
}

/** The API of a real cluster, over HTTP. */
export async function connectKubeApi(options: KubeApiOptions = {}): Promise<KubeApi & { readonly access: KubeAccess }> {
  const { clock = systemClock, random = systemRandom, callsPerSecond: perSecond } = options;
  const access = options.access ?? (await findAccess());
  const rate = perSecond === undefined ? undefined : new CallRate({ clock, perSecond, mostMs: 5_000 });
  const resourceOf = resourceFinder([...known, ...(options.resources ?? [])]);
  return new HttpKubeApi(access, new HttpCalls({ access, clock, rate }), resourceOf, random);
}

class HttpKubeApi implements KubeApi {
  readonly access: KubeAccess;
  readonly #http: HttpCalls;
  readonly #resourceOf: ResourceOf;
  readonly #random: Random;

  constructor(access: KubeAccess, http: HttpCalls, resourceOf: ResourceOf, random: Random) {
    this.access = access;
    this.#http = http;
    this.#resourceOf = resourceOf;
    this.#random = random;
  }

  get calls(): Readonly<Record<string, number>> {
    return this.#http.counts;
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    const answer = await this.#http.answer(callOf('get', resource, name, options), succeededOrAbsent);
    return answer.code === 404 ? undefined : parsed<T>(answer);
  }

  async list<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection = {},
    page?: { limit: number; next?: string } & CallOptions,
  ): Promise<ListPage<T>> {
    const query = { ...selectors(selection), limit: page?.limit, continue: page?.next };
    const answer = await this.#http.answer({ ...callOf('list', resource, selection, page), query });
    const { items, metadata } = parsed<{
      items: T[] | null;
      metadata: { resourceVersion: string; continue?: string };
    }>(answer);
    // What is listed does not say of what kind it is, unless it is a custom resource.
    for (const item of items ?? []) {
      item.apiVersion = resource.apiVersion;
      item.kind = resource.kind;
    }
    return {
      items: items ?? [],
      resourceVersion: metadata.resourceVersion,
      ...(metadata.continue && { next: metadata.continue }),
    };
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const query = {
      ...selectors(selection),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds: Math.round(watchSeconds * (1 + this.#random.next())),
    };
    const end = new AbortController();
    const onAbort = () => end.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const body = await this.#http.stream({ ...callOf('watch', resource, selection, { signal }), query }, end);
      for await (const line of linesOf(body.setEncoding('utf8'), mostOfAnEvent)) {
        if (signal.aborted) return;
        yield eventOf<T>(line);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof KubeError ? error : unreachable(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      end.abort();
    }
  }

  async create<T extends KubeObject>(object: T, options: CallOptions = {}): Promise<T> {
    const { namespace } = object.metadata;
    const call = callOf('create', this.#resourceOf(object), namespace === undefined ? {} : { namespace }, options);
    return parsed(await this.#http.answer({ ...call, body: object }));
  }

  async apply<T extends KubeObject>(
    object: T,
    options: CallOptions & { manager: string; force?: boolean },
  ): Promise<T> {
    const { managedFields, ...metadata } = object.metadata;
    const call = callOf('patch', this.#resourceOf(object), object.metadata, options);
    return this.#applied(call, { ...object, metadata }, options.manager, options.force ?? false);
  }

  async applyStatus<T extends KubeObject>(object: T, options: CallOptions & { manager: string }): Promise<T> {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace } = metadata;
    const call = callOf('patch', this.#resourceOf(object), metadata, options, 'status');
    const { status } = object as T & { status?: unknown };
    return this.#applied(call, { apiVersion, kind, metadata: { name, namespace }, status }, options.manager, true);
  }

  async replace<T extends KubeObject>(object: T, options: CallOptions = {}): Promise<T> {
    const call = callOf('update', this.#resourceOf(object), object.metadata, options);
    return parsed(await this.#http.answer({ ...call, body: object }));
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: unknown,
    options: CallOptions & { subresource?: 'status' | 'scale' } = {},
  ): Promise<T> {
    const call = callOf('patch', resource, name, options, options.subresource);
    return parsed(await this.#http.answer({ ...call, body: patch, bodyType: 'application/merge-patch+json' }));
  }

  async delete(resource: Resource, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { uid, gracePeriodSeconds, propagation = 'Background' } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation,
      gracePeriodSeconds,
      ...(uid !== undefined && { preconditions: { uid } }),
    };
    // A conflict is about the uid: the object of that uid is not there.
    const fine = (answer: Answer) => succeededOrAbsent(answer) || (answer.code === 409 && uid !== undefined);
    await this.#http.answer({ ...callOf('delete', resource, name, options), body }, fine);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #applied<T>(call: Call, body: unknown, manager: string, force: boolean): Promise<T> {
    const query = { fieldManager: manager, force };
    return parsed(await this.#http.answer({ ...call, query, body, bodyType: 'application/apply-patch+yaml' }));
  }
}

function callOf(
  verb: Call['verb'],
  resource: Resource,
  at: { namespace?: string; name?: string },
  options: CallOptions = {},
  subresource?: string,
): Call {
  const path = resourcePath(resource, { ...at, ...(subresource !== undefined && { subresource }) });
  return { verb, resource: resource.plural, path, signal: options.signal };
}

function selectors({ labelSelector, fieldSelector }: Selection): Call['query'] {
  return { labelSelector, fieldSelector };
}

function succeededOrAbsent({ code, text }: Answer): boolean {
  return (code >= 200 && code < 300) || (code === 404 && namesAnObject(text));
}

function parsed<T>({ text }: Answer): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw unreachable(cause);
  }
}

function eventOf<T extends KubeObject>(line: string): WatchEvent<T> {
  const { type, object } = JSON.parse(line) as { type: string; object: T & { code?: number } };
  switch (type) {
    case 'ADDED':
      return { type: 'added', object };
    case 'MODIFIED':
      return { type: 'modified', object };
    case 'DELETED':
      return { type: 'deleted', object };
    case 'BOOKMARK':
      return { type: 'bookmark', resourceVersion: object.metadata.resourceVersion! };
    default:
      throw errorOfStatus(object.code ?? 500, JSON.stringify(object));
  }
}
