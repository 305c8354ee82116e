import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Files of a certificate for localhost and 127.0.0.1, and of its key. */
export interface Pair {
  cert: string;
  key: string;
}

export const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-tls-'));

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });

export function hasOpenssl(): boolean {
  try {
    return openssl('version').length > 0;
  } catch {
    return false;
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate that signed itself. `name` becomes its common name and the name of its files. */
export function selfSigned(name: string, days = 2): Pair {
  const cert = path.join(folder, `${name}.pem`);
  const key = path.join(folder, `${name}.key`);
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    String(days),
    '-subj',
    `/CN=${name}`,
    '-addext',
    names,
  );
  return { cert, key };
}

/** A certificate that another one signed. */
export function signedBy(authority: Pair, name: string): Pair {
  const cert = path.join(folder, `${name}.pem`);
  const key = path.join(folder, `${name}.key`);
  const request = path.join(folder, `${name}.csr`);
  openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    authority.cert,
    '-CAkey',
    authority.key,
    '-out',
    cert,
    '-days',
    '2',
    '-CAcreateserial',
  );
  return { cert, key };
}
