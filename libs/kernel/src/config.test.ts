import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { envFlag, envList, readEnvironment, variableName } from './config.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const schema = z.object({
  listenPort: z.coerce.number().int().positive().default(7000),
  apiKey: z.string().optional(),
  verbose: envFlag.default(false),
  origins: envList.default([]),
});
const read = (env: Record<string, string>) => readEnvironment(schema, 'FLOTILLA_RAG', env);

describe('configuration from the environment', () => {
  it('names variables after the fields', () => {
    expect(variableName('FLOTILLA_RAG', 'listenPort')).toBe('FLOTILLA_RAG_LISTEN_PORT');
  });

  it('fills defaults and reads numbers, flags and lists', () => {
    expect(read({})).toEqual({ listenPort: 7000, verbose: false, origins: [] });
    expect(
      read({ FLOTILLA_RAG_LISTEN_PORT: '81', FLOTILLA_RAG_VERBOSE: 'yes', FLOTILLA_RAG_ORIGINS: 'a, b,' }),
    ).toEqual({
      listenPort: 81,
      verbose: true,
      origins: ['a', 'b'],
    });
  });

  it('takes an empty variable as not set', () => {
    expect(read({ FLOTILLA_RAG_LISTEN_PORT: '' }).listenPort).toBe(7000);
  });

  it('reads a secret from the file that <name>_FILE names', () => {
    const secret = path.join(folder, 'key');
    writeFileSync(secret, 'sk-from-file\n');
    expect(read({ FLOTILLA_RAG_API_KEY_FILE: secret }).apiKey).toBe('sk-from-file');
    expect(() => read({ FLOTILLA_RAG_API_KEY_FILE: path.join(folder, 'absent') })).toThrow(
      'FLOTILLA_RAG_API_KEY_FILE names a file that cannot be read',
    );
  });

  it('names every variable that is wrong and prints no value', () => {
    const wrong = () => read({ FLOTILLA_RAG_LISTEN_PORT: 'hunter2', FLOTILLA_RAG_VERBOSE: 'hunter3' });
    expect(wrong).toThrow(/FLOTILLA_RAG_LISTEN_PORT: [\s\S]*FLOTILLA_RAG_VERBOSE: /);
    expect(wrong).not.toThrow(/hunter/);
  });
});
