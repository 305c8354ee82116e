import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { startLogServer, type LogServer } from './log-server.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** What came so far. */
interface Answer {
  status: number;
  text: string;
  ended: boolean;
}

(hasOpenssl ? describe : describe.skip)('what kubectl logs asks of a node', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-logs-'));
  const file = path.join(folder, 'main.log');
  const pair: { cert?: string; key?: string } = {};
  let server: LogServer;

  beforeAll(() => {
    const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const to = ['-subj', '/CN=api', '-days', '2', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', ...newKey, ...to], { stdio: 'pipe' });
    Object.assign(pair, { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });
  });
  beforeEach(async () => {
    writeFileSync(file, 'one\ntwo\nthree\n');
    const logFile = (...names: string[]) => (names.join() === 'shop,web,main' ? file : undefined);
    server = await startLogServer({ certificate: pair.cert!, key: pair.key!, logFile });
  });
  afterEach(() => server.stop());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function ask(urlPath: string, login: object = pair): Answer {
    const answer: Answer = { status: 0, text: '', ended: false };
    const at = { host: '127.0.0.1', port: server.port, path: urlPath, agent: false, rejectUnauthorized: false };
    const call = request({ ...at, ...login }, (response) => {
      answer.status = response.statusCode!;
      response.on('data', (data: Buffer) => (answer.text += data.toString()));
      response.on('error', () => undefined);
      response.on('close', () => (answer.ended = true));
    });
    call.on('error', () => (answer.ended = true));
    call.end();
    return answer;
  }
  const whole = async (urlPath: string, login?: object) => {
    const answer = ask(urlPath, login);
    await until(() => answer.ended, { what: 'the answer' });
    return `${answer.status} ${answer.text}`.trim();
  };

  it.each([
    ['', '200 one\ntwo\nthree'],
    ['?tailLines=2', '200 two\nthree'],
    ['?tailLines=9', '200 one\ntwo\nthree'],
    ['?tailLines=0', '200'],
    ['?limitBytes=5', '200 one\nt'],
  ])('a log%s', async (query, expected) => {
    expect(await whole(`/containerLogs/shop/web/main${query}`)).toBe(expected);
  });

  it('is followed, also into a new file, and ends when the log goes', async () => {
    const answer = ask('/containerLogs/shop/web/main?follow=true&tailLines=1');
    await until(() => answer.text === 'three\n', { what: 'what is there' });
    appendFileSync(file, 'four\n');
    await until(() => answer.text === 'three\nfour\n', { what: 'what came' });
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'five\n');
    await until(() => answer.text.endsWith('four\nfive\n'), { what: 'what came in the new file' });
    rmSync(file);
    await until(() => answer.ended, { what: 'the end' });
  });

  it.each([
    ['of a container that has none', '/containerLogs/shop/web/other', '404 other of web has written no log'],
    ['of a name that is a path', '/containerLogs/shop/web/..%2F..%2Fetc', '400 no such name'],
    ['that is none', '/exec/shop/web/main', '404 only logs are served here'],
  ])('nothing %s', async (_, urlPath, expected) => {
    expect(await whole(urlPath)).toBe(expected);
  });

  it('nobody but the API server may ask', async () => {
    expect(await whole('/containerLogs/shop/web/main', {})).toBe('403 only the API server may ask');
  });
});
