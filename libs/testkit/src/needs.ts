import { findTool, toolAdvice, type ToolName } from './servers/binaries.ts';

/** The part of jest that is used here; its globals are read when called, since programs import this package too. */
interface Jest {
  describe: ((name: string, block: () => void) => void) & { skip(name: string, block: () => void): void };
  it(name: string, run: () => void): void;
}

/**
 * `describe` for tests that need tools of this machine. When one is missing the block is skipped and its name says why;
 * with CI=true a test fails instead, so that nothing goes untested unnoticed.
 */
export function describeWith(tools: readonly ToolName[], name: string, block: () => void): void {
  const { describe, it } = globalThis as unknown as Jest;
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) return describe(name, block);
  if (process.env.CI !== 'true') {
    return describe.skip(`${name} (skipped: needs ${missing.join(', ')}; run make tools)`, block);
  }
  describe(name, () => {
    it(`needs ${missing.join(', ')}: run make tools`, () => {
      throw new Error(missing.map(toolAdvice).join('\n'));
    });
  });
}
