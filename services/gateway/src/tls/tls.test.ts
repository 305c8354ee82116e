import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { prometheusText } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { connect as connectTcp } from 'node:net';
import path from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import WebSocket from 'ws';
import { defaults } from '../config.ts';
import { devKey, startPlatform, type Platform } from '../platform.fixture.ts';
import { folder, hasOpenssl, selfSigned, signedBy, type Pair } from './certificates.fixture.ts';
import { ServerCertificate } from './server-certificate.ts';

(hasOpenssl() ? describe : describe.skip)('a gateway with TLS of its own (needs openssl)', () => {
  const files: Pair = { cert: path.join(folder, 'tls.crt'), key: path.join(folder, 'tls.key') };
  const put = ({ cert, key }: Pair) => {
    copyFileSync(cert, files.cert);
    copyFileSync(key, files.key);
  };
  let first: Pair;
  let second: Pair;
  let platform: Platform;

  beforeAll(async () => {
    first = selfSigned('first');
    second = selfSigned('second');
    put(first);
    platform = await startPlatform({
      tlsCertFile: files.cert,
      tlsKeyFile: files.key,
      tlsHandshakeTimeoutMs: 2_000,
      headersTimeoutMs: 2_000,
    });
  });
  afterAll(async () => {
    await platform.stop();
    rmSync(folder, { recursive: true });
  });

  const handshake = (options: ConnectionOptions = {}, url = platform.url): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(url);
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options }, () =>
        resolve(socket),
      );
      socket.on('error', reject);
    });
  const shown = async () => {
    const socket = await handshake();
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  const get = (url: string, options: https.RequestOptions = {}) =>
    new Promise<number | undefined>((resolve, reject) => {
      https
        .get(url, { agent: false, ...options }, (response) => resolve(response.resume().statusCode))
        .on('error', reject);
    });

  it('serves HTTP/1.1 over it to a client that checks the certificate', async () => {
    expect(platform.url).toMatch(/^https:/);
    expect(await get(`${platform.url}/healthz`, { ca: readFileSync(first.cert) })).toBe(200);
    const socket = await handshake({ ALPNProtocols: ['h2', 'http/1.1'] });
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });

  it('refuses what is older than TLS 1.2', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    await expect(handshake(old)).rejects.toThrow();
    const socket = await handshake({ maxVersion: 'TLSv1.2' });
    expect(socket.getProtocol()).toBe('TLSv1.2');
    socket.destroy();
  });

  it('serves WebSockets over it', async () => {
    const socket = new WebSocket(`${platform.url.replace('https', 'wss')}/v1/chat/ws`, {
      ca: readFileSync(first.cert),
      headers: { authorization: `Bearer ${devKey}` },
    });
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    socket.terminate();
  });

  it('closes a connection that does not end its handshake, and one that does not speak TLS', async () => {
    const { hostname, port } = new URL(platform.url);
    const closed = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = connectTcp(Number(port), hostname, () => socket.write(text));
        socket.on('data', (data) => (answer += data.toString('latin1')));
        socket.on('error', () => undefined).on('close', () => resolve(answer));
      });
    // The beginning of a ClientHello.
    await closed('\x16\x03\x01\x02\x00\x01');
    expect(await closed('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).not.toContain('200');
    expect(await get(`${platform.url}/healthz`, { rejectUnauthorized: false })).toBe(200);
  });

  it('takes a new certificate without a restart, and keeps connections there are', async () => {
    const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 1 });
    expect(await get(`${platform.url}/healthz`, { agent })).toBe(200);
    expect(await shown()).toBe('first');
    put(second);
    await until(async () => (await shown()) === 'second');
    expect(await get(`${platform.url}/healthz`, { agent })).toBe(200);
    agent.destroy();
    const expiry = /flotilla_gateway_tls_certificate_expiry_seconds (\d+)/.exec(prometheusText())?.[1];
    expect(Number(expiry)).toBeGreaterThan(1_700_000_000);
  });

  it('keeps the certificate it has when the new one is broken, or its key is of another', async () => {
    const failures = () => Number(/tls_reloads_total\{outcome="failed"\} (\d+)/.exec(prometheusText())?.[1] ?? 0);
    const before = failures();
    writeFileSync(files.cert, 'not a certificate');
    await until(() => failures() > before);
    copyFileSync(first.cert, files.cert);
    await until(() => failures() > before + 1);
    expect(await shown()).toBe('second');
    copyFileSync(first.key, files.key);
    await until(async () => (await shown()) === 'first');
  });

  it('asks clients for a certificate when it is given authorities', async () => {
    const authority = selfSigned('authority');
    const client = signedBy(authority, 'client');
    const strict = await startPlatform({
      tlsCertFile: first.cert,
      tlsKeyFile: first.key,
      tlsClientCaFile: authority.cert,
    });
    const url = `${strict.url}/healthz`;
    const ca = readFileSync(first.cert);
    expect(await get(url, { ca, cert: readFileSync(client.cert), key: readFileSync(client.key) })).toBe(200);
    await expect(get(url, { ca })).rejects.toThrow();
    await expect(get(url, { ca, cert: readFileSync(second.cert), key: readFileSync(second.key) })).rejects.toThrow();
    await strict.stop();
  });

  it('does not start with half a pair or a pair that does not fit', () => {
    expect(() => ServerCertificate.from({ ...defaults, tlsCertFile: first.cert })).toThrow('TLS_KEY_FILE');
    expect(() => ServerCertificate.from({ ...defaults, tlsCertFile: first.cert, tlsKeyFile: second.key })).toThrow();
    expect(ServerCertificate.from(defaults)).toBeUndefined();
  });
});
