import { randomInt } from 'node:crypto';
import type { SigningSecrets } from '../access/signing-secrets.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 32 characters of 62: 190 bits. */
const length = 32;
export const keyPrefix = 'sk-fl-';
/** Enough of a key to find it by, too little to guess it from. */
const shownCharacters = keyPrefix.length + 4;

/** Makes keys; what is stored of them finds them again and does not tell them. */
export class Secrets {
  constructor(
    private readonly hash: (key: string) => string,
    private readonly signing: SigningSecrets | undefined,
  ) {}

  get canSign(): boolean {
    return this.signing !== undefined;
  }

  make(keyId: string): { secret: string; hash: string; prefix: string; signingSecret: string | undefined } {
    let secret = keyPrefix;
    while (secret.length < keyPrefix.length + length) secret += alphabet[randomInt(alphabet.length)];
    return {
      secret,
      hash: this.hash(secret),
      prefix: secret.slice(0, shownCharacters),
      signingSecret: this.signing?.of(keyId),
    };
  }
}
