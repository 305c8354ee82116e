import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { ProcessCommand } from './process-host.ts';

const record = z.object({
  pid: z.number().int().positive(),
  startedAt: z.string(),
  fingerprint: z.string(),
  /** It answered since it was started. */
  ready: z.boolean().optional(),
  port: z.number().optional(),
  models: z.array(z.string()).optional(),
});
const records = z.record(z.string(), record);

/** A process this controller started, by its engine's id. */
export type ProcessRecord = z.infer<typeof record>;

/**
 * Which processes run, on disk: a controller that was killed finds at its next start what it left behind. One controller
 * to a folder. A file that cannot be read counts as empty.
 */
export class ProcessRecords {
  private readonly file: string | undefined;
  private readonly held: Map<string, ProcessRecord>;

  constructor(folder: string | undefined) {
    this.file = folder && path.join(folder, 'engines.json');
    if (folder) mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.held = new Map(Object.entries(this.file ? read(this.file) : {}));
  }

  all(): [string, ProcessRecord][] {
    return [...this.held];
  }

  get(engineId: string): ProcessRecord | undefined {
    return this.held.get(engineId);
  }

  set(engineId: string, value: ProcessRecord): void {
    this.held.set(engineId, value);
    this.save();
  }

  delete(engineId: string): void {
    if (this.held.delete(engineId)) this.save();
  }

  private save(): void {
    if (!this.file) return;
    const next = `${this.file}.next`;
    writeFileSync(next, JSON.stringify(Object.fromEntries(this.held)), { mode: 0o600 });
    renameSync(next, this.file);
  }
}

function read(file: string): Record<string, ProcessRecord> {
  try {
    return records.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}

/** Says whether a process was started from this very command; holds no value of it. */
export function fingerprint(command: ProcessCommand): string {
  return createHash('sha256')
    .update(JSON.stringify([command.command, command.env]))
    .digest('hex');
}
