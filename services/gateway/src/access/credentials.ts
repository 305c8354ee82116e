import type { IncomingHttpHeaders } from 'node:http';

/** Longer ones are no key of ours; refusing them early bounds the hashing. */
const longest = 512;

/** Browsers cannot set headers on a WebSocket; they name the key as a subprotocol. A URL would end up in logs. */
export const bearerProtocol = 'flotilla.bearer.';

/** The API key of a request: `Authorization: Bearer <key>`, else `api-key` (Azure's clients), else `x-api-key` (Anthropic's). */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) {
    if (authorization.length > longest || !/^bearer /i.test(authorization)) return undefined;
    return authorization.slice(7).trim() || undefined;
  }
  const key = headers['api-key'] ?? headers['x-api-key'];
  return typeof key === 'string' && key.length > 0 && key.length <= longest ? key : undefined;
}

/** The key of a WebSocket handshake: from the headers, else from the subprotocol `flotilla.bearer.<key>`. */
export function keyOfUpgrade(headers: IncomingHttpHeaders): string | undefined {
  const key = keyOf(headers);
  if (key !== undefined) return key;
  for (const offered of headers['sec-websocket-protocol']?.split(',') ?? []) {
    const name = offered.trim();
    if (name.startsWith(bearerProtocol) && name.length <= longest)
      return name.slice(bearerProtocol.length) || undefined;
  }
  return undefined;
}
