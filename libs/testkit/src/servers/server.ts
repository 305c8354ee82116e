import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startChild, type Child, type ChildOptions } from '../child-process.ts';
import { freePort } from '../free-port.ts';

export interface ServerOptions {
  /** Where its data lies and stays. Absent: a temporary folder that goes with `stop`. */
  dir?: string;
  /** On 127.0.0.1. Absent: a free one. */
  port?: number;
}

/** A real server on 127.0.0.1. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly pid: number;
  /** Ends it and removes its temporary folder. Idempotent. */
  stop(): Promise<void>;
  /** Ends it as a crash would; the data stays for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the data it has; ends it orderly first when it still runs. */
  restart(): Promise<void>;
}

export interface ServerRecipe {
  name: string;
  url(port: number): string;
  /** Prepares the folder before the first start. */
  prepare?(dir: string): Promise<void>;
  launch(dir: string, port: number): ChildOptions;
}

/** Attempts when the free port was taken by another process before the server came to it. */
const portAttempts = 3;

/** Starts a server by its recipe. */
export async function startServer(recipe: ServerRecipe, options: ServerOptions = {}): Promise<TestServer> {
  const temporary = options.dir === undefined;
  const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), `flotilla-${recipe.name}-`));
  mkdirSync(dir, { recursive: true });
  const remove = () => {
    if (temporary) rmSync(dir, { recursive: true, force: true });
  };

  let port = 0;
  let child: Child | undefined;
  try {
    await recipe.prepare?.(dir);
    for (let attempt = 1; !child; attempt += 1) {
      port = options.port ?? (await freePort());
      try {
        child = await startChild(recipe.launch(dir, port));
      } catch (error) {
        if (options.port !== undefined || attempt === portAttempts || !/in use/i.test(String(error))) throw error;
      }
    }
  } catch (error) {
    remove();
    throw error;
  }

  return {
    url: recipe.url(port),
    port,
    dir,
    get pid() {
      return child!.pid;
    },
    async stop() {
      await child!.stop();
      remove();
    },
    kill: () => child!.kill(),
    async restart() {
      await child!.stop();
      child = await startChild(recipe.launch(dir, port));
    },
  };
}
