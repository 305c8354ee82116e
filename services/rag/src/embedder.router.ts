import { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';
import type { Embedder } from './embedder.ts';

/** Embeds with an engine, by way of the router. */
export function routerEmbedder(rpc: RpcNetwork): Embedder {
  const client = rpc.client(router.RouterDefinition);
  return {
    async embed({ caller, model, texts, timeoutMs, signal }) {
      const answer = await client.embed({ caller, model, inputs: [...texts] }, { timeoutMs, signal });
      const vectors = answer.embeddings.map(({ values }) => Float32Array.from(values));
      const dimension = vectors[0]?.length ?? 0;
      if (vectors.length !== texts.length || dimension === 0 || vectors.some(({ length }) => length !== dimension)) {
        throw new FlotillaError('engine_error', 'The embedding model did not answer with one vector for each text.');
      }
      return { model: answer.model || model, vectors };
    },
  };
}
