import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');

/** What ESLint says of a text as if it stood in that file. */
function lint(filename: string, text: string): string[] {
  const eslint = path.join(root, 'node_modules/eslint/bin/eslint.js');
  const args = [eslint, '--format', 'json', '--stdin', '--stdin-filename', filename];
  try {
    execFileSync(process.execPath, args, { cwd: root, input: text, encoding: 'utf8' });
    return [];
  } catch (error) {
    const [file] = JSON.parse((error as { stdout: string }).stdout) as { messages: { message: string }[] }[];
    return file!.messages.map((found) => found.message);
  }
}

describe('who may import whom', () => {
  it.each([
    [
      'services/rag/src/retriever.ts',
      "import { createSafety } from '@flotilla/safety';",
      'A service imports libs only',
    ],
    [
      'services/rag/src/retriever.ts',
      "import { startEngineSim } from '@flotilla/engine-sim';",
      'A service imports libs only',
    ],
    ['libs/rpc/src/link.ts', "import { createSafety } from '@flotilla/safety';", 'A lib knows no service'],
    [
      'services/rag/src/retriever.test.ts',
      "import { createSafety } from '@flotilla/safety';",
      'A test of a service stands in for the others',
    ],
    [
      'services/rag/src/retriever.ts',
      "import { x } from '../../../libs/kernel/src/errors.ts';",
      'Import other packages by name',
    ],
  ])('%s may not say %s', (filename, text, message) => {
    const found = lint(filename, `${text}\n`);
    expect(found.join('\n')).toContain(message);
  });

  it('lets standalone import the services and services import libs', () => {
    expect(lint('services/standalone/src/targets.ts', "import { createSafety } from '@flotilla/safety';\n")).toEqual(
      [],
    );
    expect(lint('services/rag/src/retriever.ts', "import { FlotillaError } from '@flotilla/kernel';\n")).toEqual([]);
  });

  it.each(['Date.now()', 'Math.random()', 'setTimeout(() => 1, 1)'])(
    'tells a service that says %s which port to take',
    (code) => {
      expect(lint('services/rag/src/retriever.ts', `${code};\n`).join('\n')).toContain('Take');
    },
  );
});
