import { invalid, isObject, wrongType } from '../../chat/invalid.ts';
import { checkText } from '../../chat/parameters.ts';

/** Texts of one request at most; the safety service checks them side by side. */
const mostInputs = 32;

/** The texts to check, each with a result of its own. Content parts are one text. Throws `invalid_request`. */
export function readModerationInput(body: unknown): string[] {
  if (!isObject(body)) throw invalid('', "The body must be a JSON object with 'input'.");
  const { input, model } = body;
  if (model !== undefined && model !== null) checkText(model, 'model');
  if (input === undefined) throw invalid('input', "Missing required parameter: 'input'.");
  if (typeof input === 'string') return [filled(input, 'input')];
  if (!Array.isArray(input)) throw wrongType('input', 'a string or an array of strings', input);
  if (input.length === 0) throw invalid('input', "'input' is empty: send at least one text.");
  if (input.length > mostInputs) throw invalid('input', `'input' holds ${input.length} texts; ${mostInputs} at most.`);
  if (!isObject(input[0])) return input.map((text, index) => filled(text, `input[${index}]`));
  return [input.map((part, index) => partText(part, `input[${index}]`)).join('\n')];
}

function partText(part: unknown, at: string): string {
  if (!isObject(part)) throw wrongType(at, 'an object', part);
  if (part['type'] !== 'text') throw invalid(`${at}.type`, `'${at}.type' must be text: nothing else is checked here.`);
  return filled(part['text'], `${at}.text`);
}

function filled(text: unknown, at: string): string {
  checkText(text, at);
  if (text === '') throw invalid(at, `'${at}' is empty: there is nothing to check.`);
  return text as string;
}
