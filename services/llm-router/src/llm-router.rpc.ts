import { router } from '@flotilla/contracts';
import { RpcController, type CallContext, type Handlers } from '@flotilla/rpc';
import { LlmRouter } from './llm-router.ts';

@RpcController(router.RouterDefinition)
export class RouterRpc implements Handlers<typeof router.RouterDefinition> {
  readonly #router: LlmRouter;

  constructor(router: LlmRouter) {
    this.#router = router;
  }

  generate(request: router.GenerateRequest, context: CallContext): AsyncIterable<router.GenerateEvent> {
    return this.#router.generate(request, context.signal);
  }

  embed(request: router.EmbedRequest, context: CallContext): Promise<router.EmbedResponse> {
    return this.#router.embed(request, context.signal);
  }

  async listModels(request: router.ListModelsRequest): Promise<router.ModelList> {
    return { models: this.#router.listModels(request) };
  }
}
