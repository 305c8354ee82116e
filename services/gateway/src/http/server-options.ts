import type { IncomingMessage } from 'node:http';
import type { GatewayConfig } from '../config.ts';
import type { ServerCertificate } from '../tls/server-certificate.ts';

/** Fastify's options for Node's server: how long and how much a client may send, in the clear or over TLS. */
export function serverOptions(config: GatewayConfig, certificate: ServerCertificate | undefined) {
  const http = {
    maxHeaderSize: config.headerLimit,
    headersTimeout: config.headersTimeoutMs,
    requestTimeout: config.receiveTimeoutMs,
    // Node looks at its timeouts only this often; its default of 30 s would lengthen them by as much.
    connectionsCheckingInterval: Math.min(config.headersTimeoutMs, 1_000),
    // Java's client offers h2c on every request: what is not a WebSocket is served as the request it also is.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket',
  };
  const common = {
    bodyLimit: config.bodyLimit,
    requestTimeout: config.receiveTimeoutMs,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    // The last resort against connections on which nothing moves: longer than any answer may stay silent.
    connectionTimeout: config.chatTimeoutMs + config.stallTimeoutMs,
  };
  if (!certificate) return { ...common, http };
  const tls = { handshakeTimeout: config.tlsHandshakeTimeoutMs, ALPNProtocols: ['http/1.1'] };
  return { ...common, https: { ...http, ...certificate.options, ...tls } };
}
