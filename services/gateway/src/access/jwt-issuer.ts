import {
  FlotillaError,
  readVariable,
  toFlotillaError,
  type Clock,
  type Environment,
  type IssuerConfig,
} from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import { RemoteKeySet } from './jwks.http.ts';

const log = logger('gateway.jwt');

/** What a public key may sign with; a shared secret only with HS256, so that no public key is ever taken for a secret. */
const publicAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** RFC 7518, §3.2: a key as long as the hash. */
const shortestSecret = 32;

/** One issuer of the platform file that tokens are taken from. */
export class JwtIssuer {
  readonly #verify: (token: string) => Promise<JWTPayload>;

  constructor(
    readonly config: IssuerConfig,
    keys: Uint8Array | RemoteKeySet,
    clock: Clock,
  ) {
    const { issuer, audience, clock_skew_s: clockTolerance } = config;
    const fixed = { issuer, audience, clockTolerance, requiredClaims: ['exp', 'sub'] };
    this.#verify = async (token) => {
      const options = { ...fixed, currentDate: new Date(clock.now()) };
      const { payload } =
        keys instanceof RemoteKeySet
          ? await jwtVerify(token, (header, flat) => keys.key(header, flat), {
              ...options,
              algorithms: publicAlgorithms,
            })
          : await jwtVerify(token, keys, { ...options, algorithms: ['HS256'] });
      return payload;
    };
  }

  /** The claims of a token that is good now. Throws `invalid_api_key` that says what is wrong and quotes nothing of it. */
  async verify(token: string): Promise<JWTPayload> {
    try {
      return await this.#verify(token);
    } catch (error) {
      if (error instanceof FlotillaError) throw error;
      throw new FlotillaError('invalid_api_key', explain(error));
    }
  }
}

function explain(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'This token has expired. Get a new one.';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `The claim '${error.claim}' of this token is ${error.reason === 'missing' ? 'missing' : 'not as expected'}.`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The algorithm of this token is not taken from its issuer.';
  if (error instanceof errors.JWKSNoMatchingKey) return 'The key this token was signed with is not one of its issuer.';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of this token is not valid.';
  return 'This token is not valid.';
}

/** The issuers that can be used; of each other one the log says why not. Key sets are kept by URL. */
export function readIssuers(
  configs: readonly IssuerConfig[],
  { env, clock, keySets }: { env: Environment; clock: Clock; keySets: Map<string, RemoteKeySet> },
): JwtIssuer[] {
  const issuers: JwtIssuer[] = [];
  for (const config of configs) {
    try {
      issuers.push(new JwtIssuer(config, keysOf(config), clock));
    } catch (error) {
      log.error('a token issuer cannot be used', { issuer: config.issuer, problem: toFlotillaError(error).message });
    }
  }
  return issuers;

  function keysOf({ jwks_url: url, secret_env: variable }: IssuerConfig): Uint8Array | RemoteKeySet {
    if ((url === undefined) === (variable === undefined)) {
      throw new FlotillaError('invalid_request', 'it needs exactly one of jwks_url and secret_env');
    }
    if (url !== undefined) {
      const keys = keySets.get(url) ?? new RemoteKeySet(url, clock);
      keySets.set(url, keys);
      return keys;
    }
    const secret = new TextEncoder().encode(readVariable(variable!, env) ?? '');
    if (secret.length >= shortestSecret) return secret;
    throw new FlotillaError('invalid_request', `${variable} must hold at least ${shortestSecret} bytes`);
  }
}
