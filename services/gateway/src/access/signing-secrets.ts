import { createHmac } from 'node:crypto';

/** The secret a key signs with is derived from the platform's own, so that none is stored. */
export class SigningSecrets {
  constructor(private readonly master: string) {}

  /** Hexadecimal, as it is shown once and as it keys the HMAC. */
  of(keyId: string): string {
    return createHmac('sha256', this.master).update(`signing:${keyId}`).digest('hex');
  }
}
