import type { IncomingHttpHeaders } from 'node:http';

/** Longer ones are no token of ours; refusing them early bounds the hashing. */
const longest = 8_192;
/** The same of keys, whose hashes are kept. */
export const longestKey = 512;

/** Browsers cannot set headers on a WebSocket; they name the key as a subprotocol. A URL would end up in logs. */
export const bearerProtocol = 'flotilla.bearer.';

/** The key or token of a request: `Authorization: Bearer <key>`, else `api-key` (Azure's clients), else `x-api-key` (Anthropic's). */
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

/** Three parts of base64url of which the first begins as `{"` does; the last may be empty, so that `alg: none` is told as what it is. */
export function isToken(key: string): boolean {
  return key.startsWith('eyJ') && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(key);
}
