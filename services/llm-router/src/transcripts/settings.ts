import { envFlag } from '@flotilla/kernel';
import { z } from 'zod';
import { count } from '../setting-fields.ts';

/** What is written down of every chat. */
export const transcriptSettings = {
  transcriptsFile: z
    .string()
    .min(1)
    .optional()
    .describe('The file that gets a JSON line for every chat (mode 600). Absent: none is written.'),
  transcriptsMaxBytes: count(50_000_000, 'Bytes after which the file is set aside as `<file>.1` and begun anew.'),
  transcriptsKeep: count(5, 'Files that were set aside and are kept; older ones are deleted.'),
  transcriptsPrompts: envFlag
    .default(false)
    .describe(
      'Whether prompts and answers are written too, with secrets left out. Not for organisations with `transcript_prompts: false`.',
    ),
  transcriptsQueueBytes: count(
    8_000_000,
    'Bytes that may wait for a slow disk. Past it lines are dropped and counted; no chat waits.',
  ),
};
