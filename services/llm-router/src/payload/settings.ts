import { envFlag } from '@flotilla/kernel';
import { z } from 'zod';
import { count, milliseconds } from '../setting-fields.ts';

const flag = (value: boolean, text: string) => envFlag.default(value).describe(text);
const turns = (value: number, text: string) => z.coerce.number().int().nonnegative().default(value).describe(text);

/** How requests are shaped before an engine gets them. */
export const payloadSettings = {
  maxImages: count(
    64,
    'Images in one request, those that are left out included. Past it the request is refused with 413 `err_payload_too_large`.',
  ),
  maxImageBytes: count(
    8_000_000,
    'Bytes of one image after base64. A larger one is scaled down to fit; what cannot be is refused with 413 `err_payload_too_large`.',
  ),
  maxImagePixels: count(16_777_216, 'Width times height of one image. A larger one is scaled down to fit.'),
  maxImageDecodePixels: count(
    120_000_000,
    'Width times height above which an image is refused unread: a small file can hold a picture that fills the memory. Decoding takes up to 4 bytes a pixel.',
  ),
  imageWorkers: count(2, 'Images read or scaled at once, each on a thread of its own.'),
  imageTimeoutMs: milliseconds(10_000, 'What reading and scaling all images of a request may take.'),
  remoteImages: flag(
    true,
    'Whether images may be named by http(s) URLs. The router never fetches them; engines that can do. Off: 400.',
  ),
  visionKeepLastNTurns: turns(
    1,
    'Turns with images before the current one that keep them, for models with the capability `vision`. Of older ones the text stays.',
  ),
  reasoningTruncateHistory: flag(
    false,
    'Whether models with the capability `reasoning` are shown the last turns only. What they thought in earlier turns is always left out.',
  ),
  reasoningKeepLastNTurns: turns(
    1,
    'Turns before the current one that they are shown then. System messages always stay.',
  ),
  requireTemplate: flag(
    false,
    'Whether a chat needs a chat template of its model in the folder of templates. Without one: 422 `err_template_required`.',
  ),
  templatesDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The folder of chat templates (`<name>.jinja`). vLLM is sent the one that the model names (it takes it with `--trust-request-chat-template`).',
    ),
  suppressDecorations: flag(
    true,
    'Whether `<think>` tags of models with a `reasoning_format` become reasoning, and further fields of engines are left out. Off: the text is passed on as the engine wrote it, the fields in `choices[].flotilla.engine`, and reading streams costs more.',
  ),
};
