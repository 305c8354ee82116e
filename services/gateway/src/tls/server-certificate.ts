import { fileStamp, type Clock, type Timer } from '@flotilla/kernel';
import { counter, gauge, logger } from '@flotilla/telemetry';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import type { TlsSettings } from './settings.ts';

const log = logger('gateway.tls');

const expiry = gauge({
  name: 'flotilla_gateway_tls_certificate_expiry_seconds',
  description: 'When the certificate in force ends, in seconds since 1970',
  unit: 's',
});
const reloads = counter({
  name: 'flotilla_gateway_tls_reloads_total',
  description: 'Changes of the certificate files, by whether they could be used',
  unit: '{reload}',
});

/** Milliseconds between two looks at the files. By time, as mounted secrets swap links, which file events miss. */
const intervalMs = 1_000;

interface Files {
  cert: string;
  key: string;
  ca: string | undefined;
}

/** The gateway's certificate: read from files, and read again when they change. A pair that does not fit never replaces one that does. */
export class ServerCertificate {
  #current: SecureContextOptions;
  #stamp: string;

  /** Undefined when no certificate is set. Throws when one is and cannot be used. */
  static from({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: TlsSettings): ServerCertificate | undefined {
    if (tlsCertFile === undefined && tlsKeyFile === undefined && tlsClientCaFile === undefined) return undefined;
    if (tlsCertFile === undefined || tlsKeyFile === undefined) {
      throw new Error('TLS needs both FLOTILLA_GATEWAY_TLS_CERT_FILE and FLOTILLA_GATEWAY_TLS_KEY_FILE');
    }
    return new ServerCertificate({ cert: tlsCertFile, key: tlsKeyFile, ca: tlsClientCaFile });
  }

  private constructor(private readonly files: Files) {
    this.#stamp = stamp(files);
    this.#current = read(files);
  }

  /** What a server of TLS is made with. */
  get options() {
    return { ...this.#current, ...(this.files.ca !== undefined && { requestCert: true, rejectUnauthorized: true }) };
  }

  /** New connections get what the files hold; those there are keep what they have. */
  follow(server: Pick<Server, 'setSecureContext'>, clock: Clock): Timer {
    return clock.every(intervalMs, () => {
      const now = stamp(this.files);
      if (now === this.#stamp) return;
      this.#stamp = now;
      try {
        this.#current = read(this.files);
        server.setSecureContext(this.#current);
        reloads.add(1, { outcome: 'ok' });
        log.info('the TLS certificate was read again');
      } catch (error) {
        reloads.add(1, { outcome: 'failed' });
        log.error('the changed TLS certificate cannot be used; the one before stays in force', { error });
      }
    });
  }
}

/** Throws when a file is missing, is no PEM, or key and certificate do not belong together. */
function read({ cert, key, ca }: Files): SecureContextOptions {
  const pair: SecureContextOptions = {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    minVersion: 'TLSv1.2',
  };
  createSecureContext(pair);
  expiry.set(Math.floor(Date.parse(new X509Certificate(pair.cert as Buffer).validTo) / 1_000));
  return pair;
}

function stamp({ cert, key, ca }: Files): string {
  return [cert, key, ca].map((file) => (file === undefined ? '' : fileStamp(file))).join(' ');
}
