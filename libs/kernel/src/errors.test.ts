import { describe, expect, it } from '@jest/globals';
import { errorTable, FlotillaError, isErrorCode, toFlotillaError } from './errors.ts';

describe('the table of errors', () => {
  it.each(Object.entries(errorTable))(
    '%s has an HTTP status, a gRPC status and a text a client can act on',
    (code, row) => {
      expect(isErrorCode(code)).toBe(true);
      expect(row.http).toBeGreaterThanOrEqual(400);
      expect(row.http).toBeLessThan(600);
      expect(row.grpc).toBeGreaterThanOrEqual(1);
      expect(row.grpc).toBeLessThanOrEqual(16);
      expect(row.text.endsWith('.')).toBe(true);
    },
  );

  it('never retries what the client got wrong, except conflicts and limits', () => {
    for (const [code, row] of Object.entries(errorTable)) {
      if (row.http < 500 && !['conflict', 'rate_limit_exceeded'].includes(code)) expect(row.retry).toBe(false);
    }
  });
});

describe('toFlotillaError', () => {
  it('keeps the cause of an unknown error inside and says nothing of it', () => {
    const error = toFlotillaError(new Error('password=hunter2'));
    expect(error.code).toBe('internal');
    expect(error.message).not.toContain('hunter2');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('reads aborts and timeouts', () => {
    expect(toFlotillaError(AbortSignal.abort().reason).code).toBe('cancelled');
    expect(toFlotillaError(new DOMException('late', 'TimeoutError')).code).toBe('deadline_exceeded');
    const known = new FlotillaError('overloaded');
    expect(toFlotillaError(known)).toBe(known);
  });
});
