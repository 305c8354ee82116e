import { router, safety } from '@flotilla/contracts';
import { createGrpcClient } from './grpc-client.ts';
import { createMeshNetwork } from './mesh-network.ts';
import { rpcContract } from './suite.ts';

rpcContract('plain gRPC', async (handlers) => {
  const server = createMeshNetwork({ listen: '127.0.0.1:0' });
  if (handlers.safety) server.serve(safety.SafetyDefinition, handlers.safety);
  if (handlers.router) server.serve(router.RouterDefinition, handlers.router);
  await server.listen();
  const toSafety = createGrpcClient(safety.SafetyDefinition, server.address());
  const toRouter = createGrpcClient(router.RouterDefinition, server.address());
  return {
    safety: toSafety.client,
    router: toRouter.client,
    drain: (signal) => server.drain(signal),
    async close() {
      toSafety.close();
      toRouter.close();
      await server.close();
    },
  };
});
