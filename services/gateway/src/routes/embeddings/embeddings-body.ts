import { readModel } from '../../chat/chat-body.ts';
import { invalid, isObject, wrongType } from '../../chat/invalid.ts';
import { checkText, range } from '../../chat/parameters.ts';

export interface EmbeddingsBody {
  readonly model: string;
  readonly inputs: string[];
  readonly base64: boolean;
  readonly dimensions: number | undefined;
}

/** OpenAI's bound. */
const mostInputs = 2_048;
/** Bytes of all inputs; 300,000 tokens, OpenAI's bound, of text at four bytes each, and as much again for other scripts. */
const mostBytes = 2_400_000;
const dimensionCount = range(1, 65_536, true);

/** Throws `invalid_request` with the path of the first field that is wrong. */
export function readEmbeddingsBody(body: unknown): EmbeddingsBody {
  if (!isObject(body)) throw invalid('', "The body must be a JSON object with 'model' and 'input'.");
  const { input, encoding_format: format, dimensions, user } = body;
  const model = readModel(body);
  if (user !== undefined && user !== null) checkText(user, 'user');
  if (format !== undefined && format !== null && format !== 'float' && format !== 'base64') {
    throw invalid('encoding_format', "'encoding_format' must be float or base64.");
  }
  if (dimensions !== undefined && dimensions !== null) dimensionCount(dimensions, 'dimensions');
  return {
    ...{ model, inputs: readInputs(input), base64: format === 'base64' },
    dimensions: typeof dimensions === 'number' ? dimensions : undefined,
  };
}

function readInputs(input: unknown): string[] {
  if (input === undefined) throw invalid('input', "Missing required parameter: 'input'.");
  const list: unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) throw invalid('input', "'input' is empty: send at least one text.");
  if (list.length > mostInputs) throw invalid('input', `'input' holds ${list.length} texts; ${mostInputs} at most.`);
  let bytes = 0;
  for (const [index, text] of list.entries()) {
    const at = Array.isArray(input) ? `input[${index}]` : 'input';
    if (typeof text === 'number' || Array.isArray(text)) {
      throw invalid('input', "Token ids are not taken: send 'input' as text. Tokenizers differ from model to model.");
    }
    if (typeof text !== 'string') throw wrongType(at, 'a string', text);
    if (text === '') throw invalid(at, `'${at}' is empty: there is nothing to embed.`);
    bytes += Buffer.byteLength(text);
  }
  if (bytes > mostBytes) throw invalid('input', `'input' has ${bytes} bytes; ${mostBytes} at most in one request.`);
  return list as string[];
}
