import type { FastifyInstance } from 'fastify';
import type { Edge } from '../http/edge.ts';
import { chatCompletions } from './chat-completions/chat-completions.ts';
import { conversations } from './conversations/conversations.ts';
import { files } from './files/files.ts';
import { models } from './models/models.ts';
import { probes } from './probes/probes.ts';
import { vectorStores } from './vector-stores/vector-stores.ts';

/** The whole public API over HTTP. The WebSocket at /v1/chat/ws is an upgrade, see chat-socket. */
export function registerRoutes(app: FastifyInstance, edge: Edge): void {
  for (const register of [probes, chatCompletions, models, files, vectorStores, conversations]) register(app, edge);
}
