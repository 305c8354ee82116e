import { FlotillaError } from '@flotilla/kernel';

/** An image that stands in the request itself. */
export interface InlineImage {
  /** By its first bytes, whatever the URL says. */
  readonly type: ImageType;
  /** As the URL says. */
  readonly declared: string;
  readonly bytes: Buffer;
}

export type ImageType = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif';

/** What all engines with vision take. Formats that are programs (SVG) or rare stay out of the decoder. */
const types: readonly (readonly [ImageType, (bytes: Buffer) => boolean])[] = [
  ['image/png', (bytes) => bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))],
  ['image/jpeg', (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))],
  ['image/gif', (bytes) => /^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))],
  ['image/webp', (bytes) => /^RIFF....WEBP$/s.test(bytes.toString('latin1', 0, 12))],
];

/** `data:image/png;base64,…` */
const header = /^data:([\w.+/-]+)(?:;[\w-]+=[\w.-]+)*;base64,/i;
/** More of a URL's beginning is not looked at. */
const longestHeader = 200;

/** Bytes of a data URL's image, by its length. */
export function inlineBytes(url: string): number {
  return Math.floor(((url.length - url.indexOf(',') - 1) * 3) / 4);
}

/** Throws `invalid_request` for what is no image in base64. */
export function readDataUrl(url: string, param: string): InlineImage {
  const found = header.exec(url.slice(0, longestHeader));
  if (!found) throw invalid(param, 'An image’s data URL must read data:image/<type>;base64,<data>.');
  const data = url.slice(found[0].length);
  const bytes = Buffer.from(data, 'base64');
  const length = data.replace(/={1,2}$/, '').length;
  // The decoder skips what is no base64: then fewer bytes come out.
  if (bytes.length === 0 || bytes.length !== Math.floor((length * 3) / 4)) {
    throw invalid(param, 'An image’s data is not valid base64.');
  }
  const type = types.find(([, matches]) => matches(bytes))?.[0];
  if (!type) throw invalid(param, 'An image is neither PNG, JPEG, WebP nor GIF.');
  return { type, declared: found[1]!.toLowerCase(), bytes };
}

export function writeDataUrl(type: ImageType, bytes: Buffer): string {
  return `data:${type};base64,${bytes.toString('base64')}`;
}

export function invalid(param: string, message: string): FlotillaError {
  return new FlotillaError('invalid_request', message, { details: { param } });
}
