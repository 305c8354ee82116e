import { Inject } from '@nestjs/common';
import { orchestrator, type router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { RpcController, type CallContext, type Handlers } from '@flotilla/rpc';
import { ChatTurn, type TurnParts } from './chat-turn.ts';
import { embed } from './embedding.ts';

export const TURN_PARTS = Symbol('turn parts');

@RpcController(orchestrator.OrchestratorDefinition)
export class OrchestratorRpc implements Handlers<typeof orchestrator.OrchestratorDefinition> {
  constructor(@Inject(TURN_PARTS) private readonly parts: TurnParts) {}

  chat(request: orchestrator.ChatRequest, context: CallContext): AsyncIterable<orchestrator.ChatEvent> {
    return new ChatTurn(this.parts, request, context).events();
  }

  embed(request: orchestrator.EmbedRequest, context: CallContext): Promise<router.EmbedResponse> {
    return embed(this.parts, request, context);
  }

  async getConversation(request: orchestrator.GetConversationRequest): Promise<orchestrator.Conversation> {
    const orgId = request.caller?.orgId;
    const found = orgId ? await this.parts.store.conversation(orgId, request.conversationId) : undefined;
    if (found) return found;
    throw new FlotillaError('not_found', 'There is no such conversation.', { details: { param: 'conversation_id' } });
  }
}
