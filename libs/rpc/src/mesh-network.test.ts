import { router, safety } from '@flotilla/contracts';
import { createMeshNetwork } from './mesh-network.ts';
import { rpcContract } from './suite.ts';

rpcContract('links', async (handlers) => {
  const server = createMeshNetwork({ listen: '127.0.0.1:0' });
  if (handlers.safety) server.serve(safety.SafetyDefinition, handlers.safety);
  if (handlers.router) server.serve(router.RouterDefinition, handlers.router);
  await server.listen();
  const client = createMeshNetwork({ peers: { safety: server.address(), router: server.address() } });
  return {
    safety: client.client(safety.SafetyDefinition),
    router: client.client(router.RouterDefinition),
    drain: (signal) => server.drain(signal),
    async close() {
      await server.close();
      await client.close();
    },
  };
});
