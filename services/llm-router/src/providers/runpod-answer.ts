import { malformedFailure } from './engine-errors.ts';

/** What one look at a job tells. */
export interface JobAnswer {
  readonly id: string;
  /** IN_QUEUE | IN_PROGRESS | COMPLETED | FAILED | CANCELLED | TIMED_OUT */
  readonly status: string;
  readonly outputs: readonly JobOutput[];
  readonly error: string;
}

/** A piece of what a vLLM worker said. */
export interface JobOutput {
  /** As it would stand in OpenAI's stream. */
  readonly event: string;
  /** As it would stand in an answer in one piece. */
  readonly whole: string;
  readonly value: unknown;
}

/** Of `/run`, `/status` or `/stream`. Throws an EngineFailure. */
export function readJob(body: unknown): JobAnswer {
  if (typeof body !== 'object' || body === null) throw malformedFailure('a job that is not an object');
  const { id, status, stream, output, error } = body as Record<string, unknown>;
  if (typeof status !== 'string') throw malformedFailure('a job without a status');
  const pieces = Array.isArray(stream) ? stream.map((piece) => (piece as { output?: unknown } | null)?.output) : [];
  return {
    id: typeof id === 'string' ? id : '',
    status,
    outputs: [...pieces, output].flatMap((piece) => flat(piece)).map(read),
    error: typeof error === 'string' ? error : '',
  };
}

/** Workers yield one piece, or a list of them; the status of a job that streamed has all in a list. */
function flat(output: unknown): unknown[] {
  if (output === undefined || output === null) return [];
  return Array.isArray(output) ? output : [output];
}

function read(value: unknown): JobOutput {
  // Bytes of a stream as they were: also half a line.
  if (typeof value === 'string') return { event: value, whole: value, value };
  return { event: `data: ${JSON.stringify(asDelta(value))}\n\n`, whole: JSON.stringify(value), value };
}

/** An answer in one piece, as a stream of one chunk says it. */
function asDelta(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('choices' in value) || !Array.isArray(value.choices))
    return value;
  const choices = (value.choices as Record<string, unknown>[]).map((choice) =>
    choice['message'] === undefined ? choice : { ...choice, delta: choice['message'] },
  );
  return { ...value, choices };
}

/** Workers tell of a refusal as an output: `{"error": {"message": "vLLM returned HTTP 400: …"}}`. */
export function statusIn({ value }: JobOutput): { status: number; body: unknown } | undefined {
  if (typeof value !== 'object' || value === null || !('error' in value) || value.error == null) return undefined;
  const { error } = value;
  const { message, code } = (typeof error === 'object' ? error : { message: error }) as Record<string, unknown>;
  const [, said = '', detail = ''] = /HTTP (\d{3}):?\s*(.*)/s.exec(String(message)) ?? [];
  const status = Number(said || code);
  return { status: status >= 400 && status < 600 ? status : 500, body: bodyOf(detail) ?? value };
}

function bodyOf(detail: string): unknown {
  try {
    return detail === '' ? undefined : JSON.parse(detail);
  } catch {
    return undefined;
  }
}
