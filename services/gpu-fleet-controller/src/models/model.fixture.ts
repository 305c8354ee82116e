import type { Model } from './model.ts';
import { models } from './model.ts';
import { modelSpecSchema } from './model-spec.ts';
import type { z } from 'zod';

export type SpecInput = Partial<z.input<typeof modelSpecSchema>>;

/** A Model as the API gives it, with what the spec leaves out. */
export function modelOf(spec: SpecInput = {}, metadata: Partial<Model['metadata']> = {}): Model {
  return {
    apiVersion: models.apiVersion,
    kind: models.kind,
    metadata: { name: 'llama', namespace: 'ns', generation: 1, ...metadata },
    spec: modelSpecSchema.parse({
      source: { hub: { repo: 'meta/llama' } },
      profiles: [{ name: 'l40s' }],
      ...spec,
    }),
  };
}
