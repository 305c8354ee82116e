import { limits } from '@flotilla/contracts';

/** A key with these limits, and no others. */
export function keySubject(fields: Partial<limits.Subject>): limits.Subject {
  return limits.Subject.fromPartial({ kind: 'key', id: 'key_1', ...fields });
}
