import { FlotillaError } from '@flotilla/kernel';
import type { Sharp, SharpOptions } from 'sharp';
import type { ImageScaler } from './image-scaler.ts';

/** Scales of an image that is tried again because it still has too many bytes. */
const mostTries = 6;
/** Pixels below which a picture tells a model nothing: 64 × 64. */
const leastPixels = 4_096;
const jpegQuality = 85;
/** Seconds that libvips may take for one operation. */
const longestSeconds = 30;

type Library = (input: Buffer, options: SharpOptions) => Sharp;

let loading: Promise<Library> | undefined;

/** Loaded with the first image: it has a native library of 20 MB. */
function load(): Promise<Library> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // One thread an image: the workers are the limit. Nothing of a tenant's image is kept.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

/** libvips, by sharp. Refuses to decode more pixels than `maxDecodePixels`, whatever the header says. */
export function sharpScaler(maxDecodePixels: number): ImageScaler {
  const options: SharpOptions = { limitInputPixels: maxDecodePixels, failOn: 'error', pages: 1, sequentialRead: true };
  return {
    async size(bytes) {
      const sharp = await load();
      // The header of an image that is too large is still read: what to do with it is for the caller to say.
      const { width, height } = await readable(sharp(bytes, { ...options, limitInputPixels: false }).metadata());
      return { width, height };
    },
    async shrink(bytes, { width, height }, limits) {
      const sharp = await load();
      let scale = Math.min(1, Math.sqrt(limits.pixels / (width * height)));
      for (let tries = 0; tries < mostTries; tries += 1) {
        const wide = Math.max(1, Math.floor(width * scale));
        const high = Math.max(1, Math.floor(height * scale));
        if (wide * high < leastPixels) return undefined;
        // The longer side bounds both, before and after the picture is turned upright.
        const side = Math.max(wide, high);
        const smaller = await readable(
          sharp(bytes, options)
            .autoOrient()
            .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
            .flatten({ background: '#ffffff' })
            .jpeg({ quality: jpegQuality })
            .timeout({ seconds: longestSeconds })
            .toBuffer(),
        );
        if (smaller.length <= limits.bytes) return smaller;
        scale *= Math.min(0.9, Math.sqrt(limits.bytes / smaller.length) * 0.95);
      }
      return undefined;
    },
  };
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new FlotillaError('invalid_request', 'An image cannot be decoded: it is damaged or not what it says it is.', {
      details: { param: 'messages' },
      cause,
    });
  }
}
