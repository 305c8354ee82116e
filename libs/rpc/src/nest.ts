import 'reflect-metadata';
import { Controller, type DynamicModule, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Server, type CustomTransportStrategy, type MicroserviceOptions } from '@nestjs/microservices';
import type { Service } from '@flotilla/kernel';
import type { Handlers, RpcNetwork, ServiceDefinition } from './definition.ts';

const definitionKey = 'flotilla:rpc-definition';

/**
 * Marks a class of the Nest container as the handlers of a service. Its methods carry the names of the definition's
 * methods and take `(request, context: CallContext)`; `implements Handlers<typeof definition>` has the compiler check it.
 */
export function RpcController(definition: ServiceDefinition): ClassDecorator {
  return (target) => {
    Controller()(target);
    Reflect.defineMetadata(definitionKey, definition, target);
  };
}

export interface NestServiceOptions {
  name: string;
  module: DynamicModule;
  rpc: RpcNetwork;
  /** Runs when the container stands and before calls are taken: migrations, subscriptions, loops. */
  onStart?(app: INestMicroservice): Promise<void> | void;
  ready?(): boolean | Promise<boolean>;
  /** Runs first when the platform ends in order; resolves when the service's own work under way is done. */
  drain?(signal: AbortSignal): Promise<void>;
  /** Runs after calls are no longer taken and before the container goes. Also after an onStart that failed. */
  onStop?(app: INestMicroservice): Promise<void> | void;
}

/**
 * A service whose parts a Nest container holds. Its RpcControllers are served on the network from `start` to `stop`.
 * Handlers are taken straight from the container: Nest's guards, pipes and interceptors do not run on calls
 * (its proxies cost ~2 µs a call, twice what a call through memory costs in all); what they would do stands in the handlers.
 */
export function nestService(options: NestServiceOptions): Service {
  const { name, module, rpc } = options;
  let app: INestMicroservice | undefined;
  let strategy: NetworkStrategy | undefined;

  const stop = async () => {
    const running = app;
    app = undefined;
    if (running === undefined) return;
    strategy?.close();
    try {
      await options.onStop?.(running);
    } finally {
      await running.close();
    }
  };

  return {
    name,
    async start() {
      strategy = new NetworkStrategy(rpc, rpcControllers(module), (type) => app!.get(type, { strict: false }));
      app = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
        strategy,
        logger: false,
        abortOnError: false,
      });
      try {
        await app.init();
        await options.onStart?.(app);
        await app.listen();
      } catch (error) {
        await stop().catch(() => undefined);
        throw error;
      }
    },
    ready: () => app !== undefined && (options.ready?.() ?? true),
    ...(options.drain && { drain: options.drain }),
    stop,
  };
}

/** The transport strategy of a Nest microservice: it serves the container's RpcControllers on a network. */
class NetworkStrategy extends Server implements CustomTransportStrategy {
  readonly #rpc: RpcNetwork;
  readonly #controllers: Type[];
  readonly #instanceOf: (type: Type) => unknown;
  #withdraw: (() => void)[] = [];

  constructor(rpc: RpcNetwork, controllers: Type[], instanceOf: (type: Type) => unknown) {
    super();
    this.#rpc = rpc;
    this.#controllers = controllers;
    this.#instanceOf = instanceOf;
  }

  listen(callback: (error?: unknown) => void): void {
    try {
      for (const type of this.#controllers) {
        const definition = Reflect.getMetadata(definitionKey, type) as ServiceDefinition;
        this.#withdraw.push(this.#rpc.serve(definition, this.#instanceOf(type) as Handlers<ServiceDefinition>));
      }
      callback();
    } catch (error) {
      callback(error);
    }
  }

  close(): void {
    for (const withdraw of this.#withdraw) withdraw();
    this.#withdraw = [];
  }

  override on(): never {
    throw new Error('the network has no events; see RpcObserver');
  }

  override unwrap<T>(): T {
    return this.#rpc as T;
  }
}

/** The RpcControllers of a module and of the dynamic modules it imports. */
function rpcControllers(module: DynamicModule): Type[] {
  const own = [...(module.controllers ?? []), ...((Reflect.getMetadata('controllers', module.module) as Type[]) ?? [])];
  const imported = (module.imports ?? []).flatMap((item) =>
    typeof item === 'object' && 'module' in item ? rpcControllers(item) : [],
  );
  return [...new Set([...own.filter((type) => Reflect.hasMetadata(definitionKey, type)), ...imported])];
}
