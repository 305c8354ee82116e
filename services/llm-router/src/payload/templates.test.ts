import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createFakeClock, until } from '@flotilla/testkit';
import { Templates } from './templates.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-templates-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the folder of chat templates', () => {
  it('gives a template by its name, with or without its ending, and waits only the first time', async () => {
    writeFileSync(path.join(folder, 'chatml.jinja'), '{{ messages }}');
    const templates = new Templates(folder, createFakeClock());
    expect(await templates.find('chatml')).toBe('{{ messages }}');
    expect(templates.find('chatml')).toBe('{{ messages }}');
    expect(await templates.find('chatml.jinja')).toBe('{{ messages }}');
  });

  it('follows changes after some seconds, serving what it has meanwhile', async () => {
    const clock = createFakeClock();
    const templates = new Templates(folder, clock);
    writeFileSync(path.join(folder, 'grows.jinja'), 'one');
    expect(await templates.find('grows')).toBe('one');
    writeFileSync(path.join(folder, 'grows.jinja'), 'two');
    expect(templates.find('grows')).toBe('one');
    clock.advance(6_000);
    expect(templates.find('grows')).toBe('one');
    await until(() => templates.find('grows') === 'two');
  });

  it('has nothing for what is missing, empty, or a path', async () => {
    const templates = new Templates(folder, createFakeClock());
    writeFileSync(path.join(folder, 'empty.jinja'), ' \n');
    expect(await templates.find('absent')).toBeUndefined();
    expect(await templates.find('empty')).toBeUndefined();
    expect(templates.find('../secrets')).toBeUndefined();
    expect(templates.find('/etc/passwd')).toBeUndefined();
  });
});
