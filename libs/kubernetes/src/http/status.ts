import { KubeError, type KubeErrorKind } from '../kube-error.ts';

/** The API's answer when it refuses: meta/v1 Status. */
interface Status {
  message?: string;
  code?: number;
  details?: { name?: string; retryAfterSeconds?: number };
}

const kinds: Readonly<Record<number, KubeErrorKind>> = {
  401: 'forbidden',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'gone',
  429: 'unavailable',
};

/** What an answer of `code` with this body means. `retryAfter` is the header, seconds. */
export function errorOfStatus(code: number, body: string, retryAfter?: string): KubeError {
  const status = statusIn(body);
  const kind = kinds[code] ?? (code >= 500 ? 'unavailable' : 'invalid');
  const seconds = Number(retryAfter ?? status?.details?.retryAfterSeconds);
  return new KubeError(
    kind,
    status?.message ?? `the API answered ${code}: ${body.slice(0, 200).trim()}`,
    kind === 'unavailable' && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {},
  );
}

/** Whether a 404 is about an object, not about a kind the API does not know. */
export function namesAnObject(body: string): boolean {
  return statusIn(body)?.details?.name !== undefined;
}

function statusIn(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}
