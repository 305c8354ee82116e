import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findTool, requireTool } from './index.ts';

describe('a tool of this machine', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'flotilla-tools-'));
  beforeAll(() => writeFileSync(path.join(dir, 'nats-server'), '#!/bin/sh\n', { mode: 0o755 }));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('is found by its variable, whether that names the file or its folder', () => {
    const file = path.join(dir, 'nats-server');
    expect(findTool('nats-server', { FLOTILLA_NATS_SERVER: file })).toBe(file);
    expect(findTool('nats-server', { FLOTILLA_NATS_SERVER: dir })).toBe(file);
  });

  it('is not looked for elsewhere when its variable names what is not there', () => {
    expect(findTool('nats-server', { FLOTILLA_NATS_SERVER: '/nowhere', PATH: dir })).toBeUndefined();
  });

  it('is found on the PATH', () => {
    expect(findTool('nats-server', { FLOTILLA_TOOLS_DIR: '/nowhere', PATH: `/nowhere:${dir}` })).toBe(
      path.join(dir, 'nats-server'),
    );
  });

  it('that is missing is an error that says what to run', () => {
    const env = { FLOTILLA_TOOLS_DIR: '/nowhere', PATH: '' };
    expect(() => requireTool('grpcurl', env)).toThrow(
      'grpcurl is missing: run make tools, or name one with FLOTILLA_GRPCURL',
    );
  });
});

describe('tests that need a tool', () => {
  const needs = JSON.stringify(new URL('./needs.ts', import.meta.url).href);
  const run = (env: Record<string, string>) => {
    const source = `
      const said = [];
      globalThis.describe = Object.assign((name, block) => { said.push('run ' + name); block(); },
        { skip: (name) => said.push('skip ' + name) });
      globalThis.it = (name, test) => { try { test(); said.push('passed ' + name); } catch (e) { said.push('failed ' + name); } };
      const { describeWith } = await import(${needs});
      describeWith(['nats-server'], 'the bus', () => it('works', () => {}));
      console.log(JSON.stringify(said));`;
    const { CI: _, ...rest } = process.env;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
      env: { ...rest, ...env },
    });
    return JSON.parse(result.stdout || JSON.stringify(result.stderr)) as string[];
  };

  it('are run when it is there', () => {
    expect(run({ FLOTILLA_NATS_SERVER: process.execPath })).toEqual(['run the bus', 'passed works']);
  });

  it('are skipped with the reason in their name when it is missing', () => {
    expect(run({ FLOTILLA_NATS_SERVER: '/nowhere' })).toEqual([
      'skip the bus (skipped: needs nats-server; run make tools)',
    ]);
  });

  it('fail in CI when it is missing', () => {
    expect(run({ FLOTILLA_NATS_SERVER: '/nowhere', CI: 'true' })).toEqual([
      'run the bus',
      'failed needs nats-server: run make tools',
    ]);
  });
});
