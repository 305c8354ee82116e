import type { FastifyInstance } from 'fastify';
import type { Edge } from '../http/edge.ts';
import { admin } from './admin/admin.ts';
import { chatCompletions } from './chat-completions/chat-completions.ts';
import { completions } from './completions/completions.ts';
import { conversations } from './conversations/conversations.ts';
import { embeddings } from './embeddings/embeddings.ts';
import { files } from './files/files.ts';
import { messages } from './messages/messages.ts';
import { models } from './models/models.ts';
import { moderations } from './moderations/moderations.ts';
import { probes } from './probes/probes.ts';
import { registry } from './registry/registry.ts';
import { usage } from './usage/usage.ts';
import { vantaChat } from './vanta-chat/vanta-chat.ts';
import { vectorStores } from './vector-stores/vector-stores.ts';

/** The whole public API over HTTP. The WebSocket at /v1/chat/ws is an upgrade, see chat-socket. */
export function registerRoutes(app: FastifyInstance, edge: Edge): void {
  const inference = [chatCompletions, completions, embeddings, messages, vantaChat, moderations, models];
  for (const register of [probes, ...inference, files, vectorStores, conversations, usage, registry, admin])
    register(app, edge);
}
