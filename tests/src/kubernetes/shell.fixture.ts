import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface ShellResult {
  code: number | null;
  /** Both streams, in the order they came. */
  output: string;
}

/** A terminal in which one command after the other is run: what one exports the next one has. */
export class Shell {
  readonly #cwd: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'flotilla-shell-'));

  constructor(cwd: string, env: Readonly<Record<string, string>>) {
    this.#cwd = cwd;
    this.#env = env;
    writeFileSync(this.#exports, '', { mode: 0o600 });
  }

  /** Runs the lines until one fails; after the time it is ended with all it started. */
  async run(lines: string, timeoutMs = 120_000): Promise<ShellResult> {
    const script = `source ${this.#exports}\n${lines}\nexport -p > ${this.#exports}`;
    const child = spawn('bash', ['-eu', '-o', 'pipefail', '-c', script], {
      ...{ cwd: this.#cwd, env: { ...process.env, ...this.#env }, detached: true },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (output += piece));
    const late = setTimeout(() => {
      output += `\nended after ${timeoutMs} ms`;
      process.kill(-child.pid!, 'SIGKILL');
    }, timeoutMs);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(late);
    return { code, output };
  }

  /** What the lines write; throws with it when one fails. */
  async must(lines: string, timeoutMs?: number): Promise<string> {
    const { code, output } = await this.run(lines, timeoutMs);
    if (code !== 0) throw new Error(`exit ${code}:\n${lines}\n${output}`);
    return output;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #exports(): string {
    return path.join(this.#folder, 'exports');
  }
}
