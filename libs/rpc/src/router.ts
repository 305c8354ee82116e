import { FlotillaError } from '@flotilla/kernel';
import type { CallContext, Handlers, MethodDefinition, ServiceDefinition } from './definition.ts';

export type UnaryHandler = (request: unknown, context: CallContext) => Promise<unknown>;
export type StreamHandler = (request: unknown, context: CallContext) => AsyncIterable<unknown>;

/** One method that is served, or will be. */
export interface Method {
  /** `/package.Service/Method`, the path of gRPC. */
  readonly path: string;
  readonly definition: MethodDefinition;
  /** Absent while nobody serves it. */
  unary: UnaryHandler | undefined;
  stream: StreamHandler | undefined;
}

/** Methods by path. Bounded by the services that are defined. */
export class Router {
  readonly #methods = new Map<string, Method>();
  readonly #services = new Map<string, ServiceDefinition>();

  /** The services that are served. */
  get services(): Iterable<ServiceDefinition> {
    return this.#services.values();
  }

  find(path: string): Method | undefined {
    return this.#methods.get(path);
  }

  /** The place of a method, served or not. */
  method(service: ServiceDefinition, definition: MethodDefinition): Method {
    const path = methodPath(service, definition);
    let method = this.#methods.get(path);
    if (method === undefined) {
      method = { path, definition, unary: undefined, stream: undefined };
      this.#methods.set(path, method);
    }
    return method;
  }

  /** Throws when the service is served already or a handler is missing. Returns the way to withdraw it. */
  serve<D extends ServiceDefinition>(service: D, handlers: Handlers<D>): () => void {
    if (this.#services.has(service.fullName)) throw new Error(`${service.fullName} is served already`);
    const table = handlers as unknown as Record<string, UnaryHandler & StreamHandler>;
    for (const [key, definition] of Object.entries(service.methods)) {
      if (definition.requestStream)
        throw new Error(`${service.fullName}/${definition.name}: request streams are not served`);
      if (typeof table[key] !== 'function') throw new Error(`${service.fullName} has no handler for ${key}`);
      const method = this.method(service, definition);
      if (definition.responseStream) method.stream = table[key].bind(handlers);
      else method.unary = table[key].bind(handlers);
    }
    this.#services.set(service.fullName, service);
    return () => {
      if (!this.#services.delete(service.fullName)) return;
      for (const definition of Object.values(service.methods)) {
        const method = this.method(service, definition);
        method.unary = undefined;
        method.stream = undefined;
      }
    };
  }
}

export function methodPath(service: ServiceDefinition, method: MethodDefinition): string {
  return `/${service.fullName}/${method.name}`;
}

export function notServed(path: string): FlotillaError {
  return new FlotillaError('unavailable', `Nothing serves ${path} here.`);
}
