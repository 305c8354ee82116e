export * from './bus.ts';
export { createMemoryBus, type MemoryBusOptions } from './memory-bus.ts';
export { createNatsBus, type NatsBusOptions } from './nats-bus.ts';
export * from './topics.ts';
