import { FlotillaError, systemClock } from '@flotilla/kernel';
import { DeadlineWheel } from './deadlines.ts';
import type { CallOptions, Client, Handlers, RpcNetwork, ServiceDefinition } from './definition.ts';
import { InFlight } from './in-flight.ts';
import { MemoryStream, MemoryUnary, type MemoryHost } from './memory-call.ts';
import { callDefaults, type NetworkOptions } from './network-options.ts';
import { Router } from './router.ts';

/**
 * Services of one process. A call is a function call with the manners of the network: deadlines, cancellation, typed
 * errors, pull-based streams. Messages pass by reference: neither side changes what it was given or gave.
 * Handlers can be called as soon as they are served; what nobody serves is `unavailable` at once.
 */
export function createMemoryNetwork(options: NetworkOptions = {}): RpcNetwork {
  const defaults = { ...callDefaults, ...options.defaults };
  const router = new Router();
  const host: MemoryHost = {
    wheel: new DeadlineWheel(options.clock ?? systemClock),
    inFlight: new InFlight(),
    observer: options.observer,
    refusal: undefined,
  };
  return {
    serve<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>) {
      return router.serve(definition, handlers);
    },
    client<D extends ServiceDefinition>(definition: D) {
      const client: Record<string, (request: unknown, options?: CallOptions) => unknown> = {};
      for (const [key, methodDefinition] of Object.entries(definition.methods)) {
        const method = router.method(definition, methodDefinition);
        client[key] = methodDefinition.responseStream
          ? (request, call) =>
              new MemoryStream(host, method, call?.timeoutMs ?? defaults.streamTimeoutMs, request, call)
          : (request, call) =>
              new MemoryUnary(host, method, call?.timeoutMs ?? defaults.unaryTimeoutMs, request, call).promise;
      }
      return client as Client<D>;
    },
    async listen() {},
    async drain(signal) {
      host.refusal = new FlotillaError('unavailable', 'The service is shutting down.');
      await host.inFlight.idle(signal);
    },
    async close() {
      host.refusal = new FlotillaError('unavailable', 'The network is closed.');
      host.wheel.close();
    },
  };
}
