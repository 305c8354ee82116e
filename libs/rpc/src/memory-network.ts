import { FlotillaError, systemClock } from '@flotilla/kernel';
import { DeadlineWheel } from './deadlines.ts';
import type { CallOptions, Client, Handlers, RpcNetwork, ServiceDefinition } from './definition.ts';
import { InFlight } from './in-flight.ts';
import { MemoryStream, MemoryUnary } from './memory-call.ts';
import { callDefaults, type CallDefaults, type NetworkOptions } from './network-options.ts';
import { Router } from './router.ts';
import type { ServerHost } from './server-host.ts';

/** A client whose calls go straight to the handlers of this process. */
export function memoryClient<D extends ServiceDefinition>(host: ServerHost, definition: D, defaults: CallDefaults) {
  const client: Record<string, (request: unknown, options?: CallOptions) => unknown> = {};
  for (const [key, methodDefinition] of Object.entries(definition.methods)) {
    const method = host.router.method(definition, methodDefinition);
    client[key] = methodDefinition.responseStream
      ? (request, call) => new MemoryStream(host, method, call?.timeoutMs ?? defaults.streamTimeoutMs, request, call)
      : (request, call) =>
          new MemoryUnary(host, method, call?.timeoutMs ?? defaults.unaryTimeoutMs, request, call).promise;
  }
  return client as Client<D>;
}

/**
 * Services of one process. A call is a function call with the manners of the network: deadlines, cancellation, typed
 * errors, pull-based streams. Messages pass by reference: neither side changes what it was given or gave.
 * Handlers can be called as soon as they are served; what nobody serves is `unavailable` at once.
 */
export function createMemoryNetwork(options: NetworkOptions = {}): RpcNetwork {
  const defaults = { ...callDefaults, ...options.defaults };
  const host: ServerHost = {
    router: new Router(),
    wheel: new DeadlineWheel(options.clock ?? systemClock),
    inFlight: new InFlight(),
    observer: options.observer,
    refusal: undefined,
  };
  return {
    serve<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>) {
      return host.router.serve(definition, handlers);
    },
    client<D extends ServiceDefinition>(definition: D) {
      return memoryClient(host, definition, defaults);
    },
    async listen() {},
    async drain(signal) {
      host.refusal = new FlotillaError('unavailable', 'The service is shutting down.');
      await host.inFlight.idle(signal);
    },
    async close() {
      host.refusal = new FlotillaError('unavailable', 'The network is closed.');
      host.wheel.close(host.refusal);
    },
  };
}
