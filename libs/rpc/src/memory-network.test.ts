import { router, safety } from '@flotilla/contracts';
import { createMemoryNetwork } from './memory-network.ts';
import { rpcContract } from './suite.ts';

rpcContract('memory', async (handlers) => {
  const network = createMemoryNetwork();
  if (handlers.safety) network.serve(safety.SafetyDefinition, handlers.safety);
  if (handlers.router) network.serve(router.RouterDefinition, handlers.router);
  await network.listen();
  return {
    safety: network.client(safety.SafetyDefinition),
    router: network.client(router.RouterDefinition),
    drain: (signal) => network.drain(signal),
    close: () => network.close(),
  };
});
