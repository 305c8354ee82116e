import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newSecret } from '@flotilla/kernel';

/** The first key of this installation: as configured, else as kept in `<dataDir>/dev-key` (mode 600), else a new one. */
export function devKey(dataDir: string, configured?: string): string {
  const file = path.join(dataDir, 'dev-key');
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const key = configured ?? (kept || `sk-flotilla-${newSecret(24)}`);
  if (key !== kept) writeFileSync(file, `${key}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return key;
}
