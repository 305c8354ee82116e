import { FlotillaError } from '@flotilla/kernel';
import { counter } from '@flotilla/telemetry';
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKeys } from './api-keys.ts';
import { isToken, keyOf, keyOfUpgrade, longestKey } from './credentials.ts';
import type { Identity, Scope } from './identity.ts';
import type { Tokens } from './jwt.ts';
import type { KeyUse } from './key-use.ts';
import { isSigned, type SignedRequests } from './request-signing.ts';

/** What a credential is read from. */
export interface Asking {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

interface Recognisers {
  readonly keys: ApiKeys;
  readonly tokens: Tokens;
  readonly signed: SignedRequests;
  readonly use: KeyUse;
}

const credentials = counter({
  name: 'flotilla_gateway_credentials_total',
  description: 'Credentials that were shown, by kind (key, token, signature, none) and whether they were taken',
  unit: '{credential}',
});
const taken = {
  key: credentials.bind({ kind: 'key', taken: 'true' }),
  token: credentials.bind({ kind: 'token', taken: 'true' }),
  signature: credentials.bind({ kind: 'signature', taken: 'true' }),
};
type Kind = keyof typeof taken;

/** Says who asks: by a signature, a JWT, or an API key. A remembered key takes no turn of the event loop. */
export class Authenticator {
  constructor(private readonly by: Recognisers) {}

  identify(asking: Asking): Identity | Promise<Identity> {
    return this.#identify(asking, keyOf);
  }

  /** Who opens a WebSocket, and whether it may still go on later: a revoked key ends what it opened. */
  async identifyUpgrade(asking: Asking): Promise<{ identity: Identity; recheck(): Identity | Promise<Identity> }> {
    const identity = await this.#identify(asking, keyOfUpgrade);
    const key = keyOfUpgrade(asking.headers);
    // The signature was of the handshake; what goes on is its key.
    if (isSigned(asking.headers)) return { identity, recheck: () => this.by.keys.verifyId(identity.keyId) };
    return { identity, recheck: () => this.#bearer(key) };
  }

  #identify(asking: Asking, read: (headers: IncomingHttpHeaders) => string | undefined): Identity | Promise<Identity> {
    const { method = 'GET', url = '', headers } = asking;
    if (isSigned(headers)) return this.#count('signature', () => this.by.signed.verify(method, url, headers));
    const key = read(headers);
    if (key === undefined) {
      credentials.add(1, { kind: 'none', taken: 'false' });
      throw new FlotillaError('invalid_api_key');
    }
    return this.#count(isToken(key) ? 'token' : 'key', () => this.#bearer(key));
  }

  #bearer(key: string | undefined): Identity | Promise<Identity> {
    if (key !== undefined && isToken(key)) return this.by.tokens.verify(key);
    return this.by.keys.verify(key !== undefined && key.length > longestKey ? undefined : key);
  }

  #count(kind: Kind, identify: () => Identity | Promise<Identity>): Identity | Promise<Identity> {
    try {
      const identity = identify();
      if (!(identity instanceof Promise)) return this.#taken(kind, identity);
      return identity.then(
        (known) => this.#taken(kind, known),
        (error: unknown) => refused(kind, error),
      );
    } catch (error) {
      return refused(kind, error);
    }
  }

  #taken(kind: Kind, identity: Identity): Identity {
    taken[kind].add(1);
    if (kind !== 'token') this.by.use.note(identity.keyId);
    return identity;
  }
}

function refused(kind: Kind, error: unknown): never {
  credentials.add(1, { kind, taken: 'false' });
  throw error;
}

/** Throws `permission_denied` that names the scope. The platform's administrators administer every organisation. */
export function needScope({ scopes }: Identity, scope: Scope): void {
  if (scopes.has(scope) || (scope === 'org-admin' && scopes.has('admin'))) return;
  throw new FlotillaError('permission_denied', `This needs the scope '${scope}', which this credential does not have.`);
}
