import { request, type Dispatcher } from 'undici';
import { ProbeFailure } from './probe.ts';

/** Answers above this are not read: 16 MiB. A list of 500 models is about 0.5 MiB. */
export const maxAnswerBytes = 16 * 1024 * 1024;

export interface EngineAnswer {
  readonly status: number;
  readonly text: string;
}

export interface EngineRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Asks an engine something and reads the whole answer. Throws ProbeFailure when there is none. */
export async function askEngine(
  dispatcher: Dispatcher,
  url: string,
  { method = 'GET', headers = {}, body }: EngineRequest,
  signal: AbortSignal,
): Promise<EngineAnswer> {
  try {
    const answer = await request(url, { dispatcher, signal, method, headers, ...(body !== undefined && { body }) });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > maxAnswerBytes) throw new ProbeFailure('its answer is too long');
      parts.push(part);
    }
    return { status: answer.statusCode, text: Buffer.concat(parts).toString('utf8') };
  } catch (error) {
    if (error instanceof ProbeFailure) throw error;
    throw failureOf(error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at its address',
  ECONNRESET: 'it broke the connection',
  UND_ERR_SOCKET: 'it broke the connection',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name cannot be looked up now',
  EHOSTUNREACH: 'its host cannot be reached',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time',
};

/** Why there was no answer, in words fit for everyone. */
export function failureOf(error: unknown): ProbeFailure {
  return new ProbeFailure(reasonOf(error));
}

function reasonOf(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: string; code?: string };
  if (name === 'TimeoutError' || name === 'AbortError') return 'it did not answer in time';
  return reasons[code ?? ''] ?? 'the connection failed';
}
