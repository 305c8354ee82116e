import type { Redact } from './provider.ts';

/** UTF-16 units of what is passed on beside one piece; more is left out (SGLang's hidden states are megabytes). */
const maxLength = 16_384;
/** vLLM can repeat the prompt as token ids and probabilities, and with it what the platform put in front of it. */
const ofPrompt = /prompt/i;

/** What an engine says that has no place of its own in a choice, as the JSON of an object; empty: nothing. */
export function furtherFields(redact: Redact, known: ReadonlySet<string>, ...said: unknown[]): string {
  const fields = said
    .flatMap((one) => (typeof one === 'object' && one !== null ? Object.entries(one) : []))
    .filter(([name, value]) => value != null && !known.has(name) && !ofPrompt.test(name));
  if (fields.length === 0) return '';
  const json = JSON.stringify(Object.fromEntries(fields), (_name, value: unknown) =>
    typeof value === 'string' ? redact(value) : value,
  );
  return json.length > maxLength ? '' : json;
}
