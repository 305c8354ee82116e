#!/usr/bin/env node
import { helpText, readOptions } from './options.ts';
import { startEngineSim } from './server.ts';

/** How often the parent is looked for, milliseconds. */
const parentCheckMs = 500;

if (process.argv.includes('--help')) {
  process.stdout.write(helpText());
  process.exit(0);
}
try {
  const options = readOptions(process.argv.slice(2), process.env);
  const engine = await startEngineSim(options);
  const end = () => void engine.stop(options.shutdownTimeoutMs).then(() => process.exit(0));
  process.once('SIGTERM', end).once('SIGINT', end);
  const parent = process.ppid;
  if (options.exitWithParent) setInterval(() => process.ppid !== parent && end(), parentCheckMs).unref();
  process.stdout.write(`engine-sim listening on ${engine.url}\n`);
} catch (error) {
  process.stderr.write(`engine-sim: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
