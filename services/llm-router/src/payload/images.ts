import type { chat } from '@flotilla/contracts';
import { abortable, createSlots, FlotillaError, within, type Clock, type Slots } from '@flotilla/kernel';
import { inlineBytes, invalid, readDataUrl, writeDataUrl, type InlineImage } from './data-url.ts';
import type { ImageScaler } from './image-scaler.ts';
import { imageSeconds } from './metrics.ts';
import { holdsImages, isImage, partsOf, withParts, type Part } from './parts.ts';

export interface ImageSettings {
  readonly maxImages: number;
  readonly maxImageBytes: number;
  readonly maxImagePixels: number;
  readonly maxImageDecodePixels: number;
  readonly imageWorkers: number;
  readonly imageTimeoutMs: number;
  readonly remoteImages: boolean;
}

/** Images that may wait for a worker, over all requests; each is held in memory as base64 anyway. */
const maxWaiting = 256;
/** Data URLs larger than this many times the limit are refused unread. */
const mostTimesTheLimit = 8;

/** Checks the images of requests and scales down those that are too large. */
export class Images {
  readonly #settings: ImageSettings;
  readonly #scaler: ImageScaler;
  readonly #clock: Clock;
  readonly #slots: Slots;

  constructor(settings: ImageSettings, scaler: ImageScaler, clock: Clock) {
    this.#settings = settings;
    this.#scaler = scaler;
    this.#clock = clock;
    this.#slots = createSlots(settings.imageWorkers, { most: maxWaiting, error: tooManyWait });
  }

  /** The messages with images that engines can take, and how many were scaled. Throws what the client is to be told. */
  async check(
    messages: readonly chat.Message[],
    signal: AbortSignal,
  ): Promise<{ messages: readonly chat.Message[]; scaled: number }> {
    const { maxImages, imageTimeoutMs } = this.#settings;
    const parts = messages.map((message) => (holdsImages(message) ? partsOf(message) : []));
    const count = parts.flat().filter(isImage).length;
    if (count > maxImages) {
      throw tooLarge('messages', `The request holds ${count} images; ${maxImages} at most.`);
    }
    const startedAt = this.#clock.monotonic();
    const late = () =>
      new FlotillaError('deadline_exceeded', `Reading the images took more than ${imageTimeoutMs} ms.`);
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      const work = Promise.all(parts.map((list, index) => this.#parts(list, index, both)));
      const checked = await within(this.#clock, imageTimeoutMs, abortable(work, signal), late);
      const scaled = checked.reduce((sum, entry) => sum + entry.scaled, 0);
      return {
        scaled,
        messages: messages.map((message, index) => {
          const { changed, list } = checked[index]!;
          return changed ? withParts(message, list) : message;
        }),
      };
    } finally {
      // What still waits for a worker is for nobody.
      stop.abort();
      imageSeconds.record((this.#clock.monotonic() - startedAt) / 1_000);
    }
  }

  async #parts(list: readonly Part[], message: number, signal: AbortSignal) {
    let scaled = 0;
    let changed = false;
    const checked = await Promise.all(
      list.map(async (part, index) => {
        if (!isImage(part)) return part;
        const param = `messages[${message}].content[${index}].image_url`;
        const url = part.image_url?.url ?? '';
        const better = await this.#image(url, param, signal);
        if (better === undefined) return part;
        changed = true;
        if (better.scaled) scaled += 1;
        return { ...part, image_url: { ...part.image_url, url: better.url } };
      }),
    );
    return { list: checked, changed, scaled };
  }

  /** Another URL for an image; undefined: it stays as it is. */
  async #image(url: string, param: string, signal: AbortSignal): Promise<{ url: string; scaled: boolean } | undefined> {
    const { maxImageBytes, remoteImages } = this.#settings;
    if (/^https?:\/\//i.test(url)) {
      if (remoteImages) return undefined;
      throw invalid(param, 'Images by URL are turned off here. Send the image itself as a base64 data URL.');
    }
    if (!/^data:/i.test(url))
      throw invalid(param, 'An image is named by an http(s) URL or holds its data in a data URL.');
    if (inlineBytes(url) > maxImageBytes * mostTimesTheLimit) {
      throw tooLarge(param, `An image has ${inlineBytes(url)} bytes; ${maxImageBytes} at most. Send a smaller one.`);
    }
    return this.#slots.run(signal, () => this.#inline(readDataUrl(url, param), param));
  }

  async #inline(image: InlineImage, param: string): Promise<{ url: string; scaled: boolean } | undefined> {
    const { maxImageBytes, maxImagePixels, maxImageDecodePixels } = this.#settings;
    const { bytes, type } = image;
    const size = await this.#scaler.size(bytes);
    const pixels = size.width * size.height;
    if (pixels > maxImageDecodePixels) {
      throw tooLarge(
        param,
        `An image has ${size.width} × ${size.height} pixels; ${maxImageDecodePixels} in all at most.`,
      );
    }
    if (bytes.length <= maxImageBytes && pixels <= maxImagePixels) {
      // Some providers refuse an image that is not what its URL says.
      return image.declared === type ? undefined : { url: writeDataUrl(type, bytes), scaled: false };
    }
    const smaller = await this.#scaler.shrink(bytes, size, { bytes: maxImageBytes, pixels: maxImagePixels });
    if (!smaller) {
      throw tooLarge(
        param,
        `An image has ${bytes.length} bytes and cannot be scaled to ${maxImageBytes}. Send a smaller one.`,
      );
    }
    return { url: writeDataUrl('image/jpeg', smaller), scaled: true };
  }
}

function tooLarge(param: string, message: string): FlotillaError {
  return new FlotillaError('err_payload_too_large', message, { details: { param } });
}

function tooManyWait(): FlotillaError {
  return new FlotillaError('overloaded', 'Too many images are being read. Try again in a moment.');
}
