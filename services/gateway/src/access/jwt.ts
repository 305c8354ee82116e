import { FlotillaError, type Clock, type Environment, type Live, type PlatformFile } from '@flotilla/kernel';
import { decodeJwt, type JWTPayload } from 'jose';
import { hash } from 'node:crypto';
import type { Identity, Scope } from './identity.ts';
import type { RemoteKeySet } from './jwks.http.ts';
import { readIssuers, type JwtIssuer } from './jwt-issuer.ts';
import type { Member } from './key-store.ts';
import { refuseDisabled, userIdPattern, type Members } from './members.ts';
import type { Plans } from './plans.ts';

export interface TokensOptions {
  readonly file: Live<PlatformFile>;
  readonly env: Environment;
  readonly clock: Clock;
  readonly members: Members;
  readonly plans: Plans;
  /** Verified tokens that are held at most. */
  readonly cacheSize: number;
}

/** What a verified token says. */
interface Verified {
  readonly orgId: string;
  readonly userId: string;
  readonly tier: string | undefined;
  readonly scopes: ReadonlySet<Scope>;
  readonly keyId: string;
  /** Milliseconds since 1970 until which it need not be verified again. */
  readonly until: number;
  /** The identity last made of it, and of what. */
  made?: { readonly member: Member; readonly version: number; readonly identity: Identity };
}

/** A key that its issuer withdrew is felt after this, also by tokens that were verified with it before. */
const longestTrustMs = 300_000;

/** Of a token that names no scope. */
const standardScopes: readonly Scope[] = ['inference', 'files', 'usage'];

/** Recognises JWTs of the issuers in the platform file. Answers at once for a token it remembers. */
export class Tokens {
  readonly #verified = new Map<string, Verified>();
  readonly #keySets = new Map<string, RemoteKeySet>();
  readonly #stop: () => void;
  #issuers: JwtIssuer[] = [];

  constructor(private readonly options: TokensOptions) {
    const read = ({ auth }: PlatformFile) => {
      this.#issuers = readIssuers(auth.jwt, { ...options, keySets: this.#keySets });
      this.#verified.clear();
    };
    read(options.file.current);
    this.#stop = options.file.onChange(read);
  }

  /** Throws (or rejects with) `invalid_api_key`, `permission_denied`, or `unavailable` when it cannot be known. */
  verify(token: string): Identity | Promise<Identity> {
    const digest = hash('sha256', token, 'base64');
    const verified = this.#verified.get(digest);
    if (!verified || this.options.clock.now() >= verified.until) return this.#verifyAnew(token, digest);
    const member = this.options.members.find(verified.orgId, verified.userId);
    return member instanceof Promise
      ? member.then((found) => this.#admit(verified, found))
      : this.#admit(verified, member);
  }

  close(): void {
    this.#stop();
  }

  async #verifyAnew(token: string, digest: string): Promise<Identity> {
    const issuers = this.#issuers;
    const verified = await this.#check(token, issuers);
    // The file may have changed meanwhile.
    if (issuers === this.#issuers) {
      this.#verified.delete(digest);
      this.#verified.set(digest, verified);
      if (this.#verified.size > this.options.cacheSize) this.#verified.delete(this.#verified.keys().next().value!);
    }
    return this.#admit(verified, await this.options.members.find(verified.orgId, verified.userId));
  }

  /** Several entries may have one issuer, each with its own audience. */
  async #check(token: string, issuers: readonly JwtIssuer[]): Promise<Verified> {
    const named = issuerOf(token);
    let refusal = new FlotillaError('invalid_api_key', 'No tokens are taken from the issuer of this one.');
    for (const issuer of issuers) {
      if (issuer.config.issuer !== named) continue;
      try {
        return this.#read(await issuer.verify(token), issuer);
      } catch (error) {
        refusal = error as FlotillaError;
        if (refusal.code !== 'invalid_api_key') throw error;
      }
    }
    throw refusal;
  }

  #read(claims: JWTPayload, { config }: JwtIssuer): Verified {
    const { sub, exp, iss } = claims;
    const orgId = claims[config.org_claim];
    const tier = claims[config.tier_claim];
    if (typeof orgId !== 'string' || orgId === '') {
      throw new FlotillaError(
        'invalid_api_key',
        `The claim '${config.org_claim}' of this token does not name an organisation.`,
      );
    }
    if (sub === undefined || !userIdPattern.test(sub)) {
      throw new FlotillaError('invalid_api_key', "The claim 'sub' of this token does not name a user.");
    }
    if (config.orgs && !config.orgs.includes(orgId)) {
      throw new FlotillaError('invalid_api_key', 'The issuer of this token may not speak for that organisation.');
    }
    const now = this.options.clock.now();
    return {
      ...{ orgId, userId: sub, scopes: scopesOf(claims, config.scopes) },
      tier: typeof tier === 'string' ? tier : undefined,
      // Tells users apart in the ledger without writing down who issues for them.
      keyId: `jwt_${hash('sha256', `${iss}\n${sub}`, 'hex').slice(0, 16)}`,
      until: Math.min((exp! + config.clock_skew_s) * 1_000, now + longestTrustMs),
    };
  }

  #admit(verified: Verified, member: Member | undefined): Identity {
    if (!member) throw new FlotillaError('invalid_api_key', 'The organisation of this token is not known here.');
    refuseDisabled(member);
    const { plans } = this.options;
    if (verified.made?.member !== member || verified.made.version !== plans.version) {
      const { orgId, userId, scopes, keyId } = verified;
      // A tier that only the issuer knows is none of ours.
      const tier = verified.tier !== undefined && plans.knows(verified.tier) ? verified.tier : member.tier;
      const plan = plans.plan({ ...member, tier }, undefined);
      const identity: Identity = { orgId, userId, keyId, tier, scopes, models: undefined, plan };
      verified.made = { member, version: plans.version, identity };
    }
    return verified.made.identity;
  }
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    throw new FlotillaError('invalid_api_key', 'This token is not valid.');
  }
}

/** `scope` as OAuth has it: names parted by blanks. One that names none of ours grants nothing; none grants more than `most`. */
function scopesOf({ scope }: JWTPayload, most: readonly Scope[]): ReadonlySet<Scope> {
  const named = scope === undefined ? standardScopes : typeof scope === 'string' ? scope.split(' ') : [];
  return new Set(most.filter((known) => named.includes(known)));
}
