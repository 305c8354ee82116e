import type { Clock, PlatformFile } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import { sharpScaler } from './image-scaler.sharp.ts';
import { Images } from './images.ts';
import { PayloadStep } from './payload-step.ts';
import { Templates } from './templates.ts';

export function openPayload(config: RouterConfig, clock: Clock, file: () => PlatformFile): PayloadStep {
  return new PayloadStep({
    settings: config,
    file,
    images: new Images(config, sharpScaler(config.maxImageDecodePixels), clock),
    templates: config.templatesDir === undefined ? undefined : new Templates(config.templatesDir, clock),
  });
}
