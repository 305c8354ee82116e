import type { chat, orchestrator } from '@flotilla/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { citationObject, usageObject } from '../../chat/chunks.ts';
import type { Edge } from '../../http/edge.ts';
import { jsonHandler } from '../../http/route.ts';

const needsFiles = { config: { scope: 'files' } } as const;

type ById = FastifyRequest<{ Params: { id: string } }>;

/** GET /v1/conversations/{id}: the turns of a conversation, oldest first, with messages as the chat API has them. */
export function conversations(app: FastifyInstance, edge: Edge): void {
  app.get(
    '/v1/conversations/:id',
    needsFiles,
    jsonHandler(edge, async ({ params }: ById, { caller, signal }) => {
      const request = { caller, conversationId: params.id };
      const options = { signal, timeoutMs: edge.config.callTimeoutMs };
      const { conversationId, turns } = await edge.orchestrator.getConversation(request, options);
      return { id: conversationId, object: 'conversation', turns: turns.map(turnObject) };
    }),
  );
}

function turnObject({ turnId, requestId, messages, model, usage, citations, createdAt }: orchestrator.Turn): object {
  return {
    ...{ id: turnId, object: 'conversation.turn', created_at: Math.floor(createdAt / 1_000) },
    ...{ request_id: requestId, model, messages: messages.map(messageObject) },
    usage: usage ? usageObject(usage) : null,
    citations: citations.map(citationObject),
  };
}

function messageObject({ role, content, partsJson, name, toolCallId, toolCallsJson }: chat.Message): object {
  return {
    role,
    content: partsJson === '' ? content : (JSON.parse(partsJson) as unknown),
    ...(name !== '' && { name }),
    ...(toolCallId !== '' && { tool_call_id: toolCallId }),
    ...(toolCallsJson !== '' && { tool_calls: JSON.parse(toolCallsJson) as unknown }),
  };
}
