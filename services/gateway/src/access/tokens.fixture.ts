import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An issuer of tokens on loopback: its key set, which can be away, and tokens signed with any of its keys. */
export async function startIssuer() {
  const state = { down: false, fetches: 0, published: [] as string[] };
  const keys = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
  const server = createServer((_request, response) => {
    state.fetches += 1;
    if (state.down) return void response.writeHead(500).end();
    Promise.all(
      state.published.map(async (kid) => ({ ...(await exportJWK(keys.get(kid)!.publicKey)), kid, alg: 'ES256' })),
    ).then((all) => response.end(JSON.stringify({ keys: all })));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  const addKey = async (kid: string) => {
    keys.set(kid, await generateKeyPair('ES256'));
    state.published.push(kid);
  };
  await addKey('one');
  return {
    ...{ url, state, addKey },
    /** The platform file that takes its tokens; `more` are further fields of it. */
    yaml: (more = '') =>
      `auth: { jwt: [{ issuer: https://id.example, audience: flotilla, jwks_url: '${url}'${more} }] }`,
    /** `now` in milliseconds; good for a minute unless the claims say otherwise. */
    sign(now: number, claims: JWTPayload = {}, kid = 'one'): Promise<string> {
      const seconds = Math.floor(now / 1_000);
      const good = { iss: 'https://id.example', aud: 'flotilla', sub: 'ann', org_id: 'acme', exp: seconds + 60 };
      return new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(keys.get(kid)!.privateKey);
    },
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** A token that nobody signed. */
export function unsigned(claims: JWTPayload): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}
