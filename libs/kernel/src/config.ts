import { readFileSync } from 'node:fs';
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a flat zod object from environment variables: field `listenPort` of prefix `FLOTILLA_RAG` is `FLOTILLA_RAG_LISTEN_PORT`,
 * or the content of the file named by `FLOTILLA_RAG_LISTEN_PORT_FILE` (for mounted secrets). Values arrive as strings: fields use
 * `z.coerce`, or `envFlag` and `envList` below. Throws one error that names every variable that is wrong and why; it never prints a value.
 */
export function readEnvironment<S extends z.ZodObject>(schema: S, prefix: string, env: Environment): z.infer<S> {
  const values: Record<string, string> = {};
  for (const field of Object.keys(schema.shape)) {
    const value = readVariable(variableName(prefix, field), env);
    if (value !== undefined) values[field] = value;
  }
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${variableName(prefix, String(issue.path[0]))}: ${issue.message}`,
  );
  throw new Error(`the configuration is not valid:\n  ${problems.join('\n  ')}`);
}

/** One variable, or the trimmed content of the file that `<name>_FILE` names. */
export function readVariable(name: string, env: Environment): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name] === '' ? undefined : env[name];
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new Error(`${name}_FILE names a file that cannot be read: ${file}`, { cause });
  }
}

/** `listenPort` with prefix `FLOTILLA_RAG` → `FLOTILLA_RAG_LISTEN_PORT`. */
export function variableName(prefix: string, field: string): string {
  return `${prefix}_${field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** `1`, `true`, `yes`, `on` and their opposites. */
export const envFlag = z
  .enum(['1', '0', 'true', 'false', 'yes', 'no', 'on', 'off'])
  .transform((value) => ['1', 'true', 'yes', 'on'].includes(value));

/** Comma-separated, blanks trimmed, empty parts dropped. */
export const envList = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);
