import { z } from 'zod';

/** Settings of TLS at the gateway itself, part of the gateway's. */
export const tlsSettings = {
  tlsCertFile: z
    .string()
    .optional()
    .describe(
      'File with the certificate chain (PEM). With `TLS_KEY_FILE`: HTTPS. Both are read again when they change.',
    ),
  tlsKeyFile: z.string().optional().describe('File with the private key of the certificate (PEM).'),
  tlsClientCaFile: z
    .string()
    .optional()
    .describe(
      'File with the authorities (PEM) of which every client must show a certificate. Absent: none is asked for.',
    ),
  tlsHandshakeTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('Milliseconds a client may take for the TLS handshake.'),
};

export type TlsSettings = z.infer<z.ZodObject<typeof tlsSettings>>;
