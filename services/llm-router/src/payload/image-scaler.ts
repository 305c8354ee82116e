/** What an image's header says. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

export interface ImageLimits {
  readonly bytes: number;
  readonly pixels: number;
}

/** Reads and scales images away from the event loop. */
export interface ImageScaler {
  /** Reads the header only. Throws `invalid_request` for what is no image. */
  size(bytes: Buffer): Promise<ImageSize>;
  /**
   * A JPEG within the limits: upright as its EXIF orientation says, without any metadata, the first frame of an animation, on white
   * where it was transparent. Undefined: no size that is worth looking at fits. Throws `invalid_request` for what cannot be decoded.
   */
  shrink(bytes: Buffer, size: ImageSize, limits: ImageLimits): Promise<Buffer | undefined>;
}
