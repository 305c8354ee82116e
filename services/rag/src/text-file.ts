import { FlotillaError } from '@flotilla/kernel';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text of an uploaded file: UTF-8 without NUL, a byte order mark dropped. Throws what is wrong with it. */
export function decodeText(content: Uint8Array, maxBytes: number): string {
  if (content.byteLength > maxBytes) {
    throw new FlotillaError(
      'err_payload_too_large',
      `The file has ${content.byteLength} bytes; at most ${maxBytes} are taken.`,
    );
  }
  let text: string;
  try {
    text = utf8.decode(content);
  } catch {
    throw new FlotillaError('invalid_request', 'The file is not UTF-8 text.', { details: { param: 'file' } });
  }
  if (text.includes('\0')) {
    throw new FlotillaError('invalid_request', 'The file is not text: it holds NUL characters.', {
      details: { param: 'file' },
    });
  }
  return text;
}

/** A name that people gave: one line of at most 255 characters. Throws what is wrong with it. */
export function checkName(name: string, param: string): string {
  if (name.length > 255)
    throw new FlotillaError('invalid_request', `${param} is longer than 255 characters.`, { details: { param } });
  if (/\p{Cc}/u.test(name)) {
    throw new FlotillaError('invalid_request', `${param} holds control characters.`, { details: { param } });
  }
  return name;
}
