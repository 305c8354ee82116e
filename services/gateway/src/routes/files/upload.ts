import type { MultipartFile } from '@fastify/multipart';
import { FlotillaError } from '@flotilla/kernel';
import type { FastifyRequest } from 'fastify';
import { invalid } from '../../chat/invalid.ts';

export interface Upload {
  readonly filename: string;
  readonly purpose: string;
  readonly content: Buffer;
}

const purposes = new Set(['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals']);
const longestName = 512;

/** The one text file of a form, with its purpose. Parts may come in any order. */
export async function readUpload(request: FastifyRequest): Promise<Upload> {
  let file: { filename: string; content: Buffer } | undefined;
  let purpose: unknown;
  for await (const part of partsOf(request)) {
    if (part.type === 'file') {
      if (part.fieldname !== 'file') throw invalid(part.fieldname, "Send the file in the field 'file'.");
      file = { filename: part.filename, content: await part.toBuffer() };
    } else if (part.fieldname === 'purpose') purpose = part.value;
  }
  if (!file) throw invalid('file', "Missing required parameter: 'file'.");
  if (purpose === undefined) throw invalid('purpose', "Missing required parameter: 'purpose'.");
  if (typeof purpose !== 'string' || !purposes.has(purpose)) {
    throw invalid('purpose', `'purpose' must be one of ${[...purposes].join(', ')}.`);
  }
  if (!file.filename || file.filename.length > longestName) {
    throw invalid('file', `The file must have a name of at most ${longestName} characters.`);
  }
  if (file.content.length === 0) throw invalid('file', 'The file is empty.');
  if (!isText(file.content))
    throw invalid('file', 'The file is not UTF-8 text. Convert it to text before you upload it.');
  return { ...file, purpose };
}

/** The plugin's errors for a form that ends early or is no form are plain Errors. */
async function* partsOf(
  request: FastifyRequest,
): AsyncGenerator<MultipartFile | { type: 'field'; fieldname: string; value: unknown }> {
  if (!request.isMultipart()) throw new FlotillaError('unsupported_media_type', 'Send multipart/form-data.');
  try {
    yield* request.parts();
  } catch (cause) {
    if (typeof (cause as { code?: unknown }).code === 'string') throw cause;
    throw new FlotillaError('invalid_request', 'The form is not well-formed.', { cause });
  }
}

function isText(content: Buffer): boolean {
  if (content.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(content);
    return true;
  } catch {
    return false;
  }
}
