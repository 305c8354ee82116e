import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A program that stands for helm and does what the lines of shell say; `$FOLDER` is a folder of its own. */
export interface FakeHelm {
  readonly binary: string;
  readonly folder: string;
  remove(): void;
}

export function fakeHelm(...lines: string[]): FakeHelm {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-fake-helm-'));
  const binary = path.join(folder, 'helm');
  writeFileSync(binary, ['#!/bin/sh', `FOLDER='${folder}'`, ...lines, ''].join('\n'));
  chmodSync(binary, 0o755);
  return { binary, folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
