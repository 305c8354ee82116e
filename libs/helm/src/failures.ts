import { HelmError, type HelmErrorKind } from './helm.ts';

/** How many of helm's last lines an error carries. */
const keptLines = 40;
/** How long a message may be, characters. */
const messageLength = 2_000;

/**
 * What helm says when it fails, the first row that fits. The order matters: an unreachable cluster also says that a deadline
 * passed, and a schema's refusal may name a template.
 */
const table: readonly (readonly [HelmErrorKind, RegExp])[] = [
  ['invalid_values', /values don't meet the specifications of the schema/],
  [
    'unreachable',
    /cluster unreachable|connection refused|connection reset|no such host|i\/o timeout|TLS handshake timeout|server is currently unable to handle|http2: client connection lost/i,
  ],
  ['busy', /another operation \(install\/upgrade\/rollback\) is in progress/],
  ['exists', /cannot re-use a name that is still in use/],
  ['not_found', /release: not found|has no deployed releases|release has no \d+ version|no revision for release/],
  [
    'refused',
    /is forbidden|Forbidden|Unauthorized|is invalid:|denied the request|no matches for kind|field is immutable|exceeded quota|invalid ownership metadata|unable to build kubernetes objects|namespaces? "[^"]+" not found/,
  ],
  [
    'render',
    /execution error at \(|parse error at|error calling |YAML parse error|error converting YAML|template: |requires kubeVersion|chart requires/,
  ],
  [
    'not_ready',
    /timed out waiting|context deadline exceeded|resource not ready|not ready|hooks? failed|job failed|BackoffLimitExceeded/i,
  ],
];

/** The error that helm's output stands for. */
export function failureOf(lines: readonly string[]): HelmError {
  const message = lastWords(lines);
  const kind = table.find(([, pattern]) => pattern.test(message))?.[0] ?? 'failed';
  return new HelmError(kind, message, lines.slice(-keptLines));
}

/** From its last `Error:` on, without what --debug adds: notes with a file's name and line, and stacks. */
function lastWords(lines: readonly string[]): string {
  const from = lines.findLastIndex((line) => line.startsWith('Error: '));
  if (from === -1) return lines.at(-1)?.slice(0, messageLength) ?? 'helm failed and said nothing';
  const rest = lines.slice(from);
  const to = rest.findIndex((line) => /^\S+\.go:\d+: |^helm\.sh\/|^\t/.test(line));
  return rest
    .slice(0, to === -1 ? undefined : to)
    .join('\n')
    .replace(/^Error: /, '')
    .trim()
    .slice(0, messageLength);
}
