import '@fastify/multipart';
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
  if (!request.isMultipart()) throw new FlotillaError('unsupported_media_type', 'Send multipart/form-data.');
  const { file, purpose } = await readForm(request);
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

async function readForm(request: FastifyRequest): Promise<{ file?: Omit<Upload, 'purpose'>; purpose?: unknown }> {
  const form: { file?: Omit<Upload, 'purpose'>; purpose?: unknown } = {};
  try {
    for await (const part of request.parts()) {
      if (part.type === 'file') {
        if (part.fieldname !== 'file') throw invalid(part.fieldname, "Send the file in the field 'file'.");
        form.file = { filename: part.filename, content: await part.toBuffer() };
      } else if (part.fieldname === 'purpose') form.purpose = part.value;
    }
  } catch (cause) {
    // The plugin's own errors have codes; what the parser says of a form that ends early is a plain Error.
    const known = cause instanceof FlotillaError || String((cause as { code?: unknown }).code).startsWith('FST_');
    throw known ? cause : new FlotillaError('invalid_request', 'The form is not well-formed.', { cause });
  }
  return form;
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
