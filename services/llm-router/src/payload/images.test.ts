import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import { systemClock } from '@flotilla/kernel';
import { createSeededRandom } from '@flotilla/testkit';
import sharp from 'sharp';
import { defaults } from '../config.ts';
import type { ImageScaler } from './image-scaler.ts';
import { sharpScaler } from './image-scaler.sharp.ts';
import { Images, type ImageSettings } from './images.ts';

const maxImageBytes = 40_000;

function imagesWith(settings: Partial<ImageSettings> = {}, scaler?: ImageScaler): Images {
  const all = { ...defaults, maxImageBytes, ...settings };
  return new Images(all, scaler ?? sharpScaler(all.maxImageDecodePixels), systemClock);
}

const signal = () => AbortSignal.timeout(30_000);
const message = (...urls: string[]) =>
  chat.Message.fromPartial({
    role: 'user',
    content: 'Look.',
    partsJson: JSON.stringify([
      { type: 'text', text: 'Look.' },
      ...urls.map((url) => ({ type: 'image_url', image_url: { url, detail: 'low' } })),
    ]),
  });
const dataUrl = (bytes: Buffer, type = 'image/png') => `data:${type};base64,${bytes.toString('base64')}`;

function urlsOf(messages: readonly chat.Message[]): string[] {
  return messages
    .flatMap(({ partsJson }) => JSON.parse(partsJson) as { image_url?: { url: string } }[])
    .flatMap((part) => (part.image_url ? [part.image_url.url] : []));
}

const bytesOf = (url: string) => Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');

const white = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#fff' } });

/** A picture that compresses badly. */
function noise(width: number, height: number) {
  const random = createSeededRandom(1);
  const pixels = Buffer.from({ length: width * height * 3 } as ArrayLike<number>).map(() => random.next() * 256);
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

describe('images of a request', () => {
  it('pass as they are where they fit', async () => {
    const messages = [message(dataUrl(await white(20, 10).png().toBuffer()), 'https://example.com/cat.png')];
    expect(await imagesWith().check(messages, signal())).toEqual({ messages, scaled: 0 });
  });

  it('are scaled down to the bytes and the pixels that an image may have, and stay in their places', async () => {
    const large = await noise(400, 200).png().toBuffer();
    expect(large.length).toBeGreaterThan(maxImageBytes);
    const wide = await white(3_000, 1_000).png().toBuffer();
    const small = await white(8, 8).png().toBuffer();
    const asked = [message(dataUrl(large), dataUrl(wide), dataUrl(small))];
    const { messages, scaled } = await imagesWith({ maxImagePixels: 1_000_000 }).check(asked, signal());
    const [first, second, third] = urlsOf(messages).map(bytesOf);
    expect(scaled).toBe(2);
    expect(first!.length).toBeLessThanOrEqual(maxImageBytes);
    expect(await sharp(first).metadata()).toMatchObject({ format: 'jpeg' });
    const { width, height } = await sharp(second).metadata();
    expect(width * height).toBeLessThanOrEqual(1_000_000);
    expect(width / height).toBeCloseTo(3, 1);
    expect(third).toEqual(small);
    expect(messages[0]!.content).toBe('Look.');
    expect(messages[0]!.partsJson).toContain('"detail":"low"');
  });

  it('that are scaled stand upright and hold no metadata', async () => {
    const photo = await noise(400, 200)
      .withExif({ IFD0: { Copyright: 'me' } })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    const { messages } = await imagesWith().check([message(dataUrl(photo, 'image/jpeg'))], signal());
    const scaled = await sharp(bytesOf(urlsOf(messages)[0]!)).metadata();
    expect(scaled.height).toBeGreaterThan(scaled.width);
    expect([scaled.exif, scaled.orientation]).toEqual([undefined, undefined]);
  });

  it('are named by what they are, not by what their URL says', async () => {
    const png = await white(9, 9).png().toBuffer();
    const { messages, scaled } = await imagesWith().check([message(dataUrl(png, 'image/jpeg'))], signal());
    expect([urlsOf(messages), scaled]).toEqual([[dataUrl(png)], 0]);
  });
});

describe('an image is refused', () => {
  const cut = async () => (await noise(400, 200).png().toBuffer()).subarray(0, 60_000);
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>');
  const tiny = { maxImageBytes: 10 };
  const cases: [string, () => Promise<string>, string, Partial<ImageSettings>][] = [
    ['that is no base64', async () => 'data:image/png;base64,%%%%', 'invalid_request', {}],
    ['whose base64 is broken in the middle', async () => 'data:image/png;base64,iVBOR*w0KGgo', 'invalid_request', {}],
    ['that is empty', async () => 'data:image/png;base64,', 'invalid_request', {}],
    ['without base64', async () => 'data:image/png,abc', 'invalid_request', {}],
    ['that is no image', async () => dataUrl(Buffer.from('hello')), 'invalid_request', {}],
    ['that is a program', async () => dataUrl(svg, 'image/svg+xml'), 'invalid_request', {}],
    ['that is only the beginning of one', async () => dataUrl(await cut()), 'invalid_request', {}],
    [
      'of a picture that fills the memory',
      async () => dataUrl(await white(5_000, 5_000).png().toBuffer()),
      'err_payload_too_large',
      { maxImageDecodePixels: 20_000_000 },
    ],
    [
      'that no scaling makes fit',
      async () => dataUrl(await white(90, 90).png().toBuffer()),
      'err_payload_too_large',
      tiny,
    ],
    ['that is a file of the engine’s', async () => 'file:///etc/passwd', 'invalid_request', {}],
    [
      'that is elsewhere, where that is off',
      async () => 'https://x.test/a.png',
      'invalid_request',
      { remoteImages: false },
    ],
  ];
  it.each(cases)('%s', async (_, url, code, settings) => {
    const asked = [message(), message('https://example.com/a.png', await url())];
    const remote = settings.remoteImages === false ? [asked[0]!, message(await url())] : asked;
    await expect(imagesWith(settings).check(remote, signal())).rejects.toMatchObject({
      code,
      details: { param: expect.stringMatching(/^messages(\[1\]\.content\[[12]\]\.image_url)?$/) },
    });
  });

  it('when there are too many', async () => {
    const asked = [message(...Array.from({ length: 4 }, () => 'https://example.com/a.png'))];
    await expect(imagesWith({ maxImages: 3 }).check(asked, signal())).rejects.toMatchObject({
      code: 'err_payload_too_large',
      message: 'The request holds 4 images; 3 at most.',
    });
  });
});

describe('work on images', () => {
  /** A decoder that is never done. */
  function stuck() {
    let running = 0;
    const scaler: ImageScaler = {
      size: () => {
        running += 1;
        return new Promise(() => undefined);
      },
      shrink: () => Promise.resolve(undefined),
    };
    return { scaler, running: () => running };
  }

  it('never runs on more images at once than there are workers, and ends with its time', async () => {
    const { scaler, running } = stuck();
    const url = dataUrl(await white(9, 9).png().toBuffer());
    const images = imagesWith({ imageWorkers: 2, imageTimeoutMs: 50 }, scaler);
    await expect(images.check([message(url, url, url, url)], signal())).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    expect(running()).toBe(2);
  });

  it('ends when the client leaves', async () => {
    const { scaler } = stuck();
    const url = dataUrl(await white(9, 9).png().toBuffer());
    const client = new AbortController();
    const checking = imagesWith({}, scaler).check([message(url)], client.signal);
    client.abort(new Error('left'));
    await expect(checking).rejects.toThrow('left');
  });
});
