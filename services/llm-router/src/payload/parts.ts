import type { chat } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';

/** One of OpenAI's content parts; the gateway checked its shape. */
export interface Part {
  readonly type?: string;
  readonly text?: string;
  readonly image_url?: { readonly url?: string; readonly detail?: string };
}

export const isImage = (part: Part): boolean => part.type === 'image_url';

/** Quotes within a text are escaped, so that no text is taken for a part. */
export const holdsImages = ({ partsJson }: chat.Message): boolean => partsJson.includes('"image_url"');

export function partsOf({ partsJson }: chat.Message): Part[] {
  try {
    const parts: unknown = JSON.parse(partsJson);
    if (Array.isArray(parts)) return parts as Part[];
  } catch {
    // Told below.
  }
  throw new FlotillaError('invalid_request', 'A message’s content parts are not a JSON array.', {
    details: { param: 'messages' },
  });
}

/** The message with other parts: as plain text where only text is left of them. */
export function withParts(message: chat.Message, parts: readonly Part[]): chat.Message {
  const content = parts
    .filter(({ type }) => type === 'text')
    .map(({ text = '' }) => text)
    .join('\n');
  const plain = parts.every(({ type }) => type === 'text');
  return { ...message, content, partsJson: plain ? '' : JSON.stringify(parts) };
}

/** The messages with a line of text in place of each image that `keep` does not want, and how many those are. */
export function withoutImages(
  messages: readonly chat.Message[],
  reason: string,
  keep: (index: number) => boolean = () => false,
): { messages: chat.Message[]; removed: number } {
  let removed = 0;
  const placeholder: Part = { type: 'text', text: `[image removed: ${reason}]` };
  const left = messages.map((message, index) => {
    if (!holdsImages(message) || keep(index)) return message;
    const parts = partsOf(message).map((part) => {
      if (!isImage(part)) return part;
      removed += 1;
      return placeholder;
    });
    return withParts(message, parts);
  });
  return { messages: left, removed };
}
