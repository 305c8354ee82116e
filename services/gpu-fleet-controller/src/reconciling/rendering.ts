import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { HelmObject } from '@flotilla/helm';
import type { KubeObject } from '@flotilla/kubernetes';
import { annotationNames } from '../models/names.ts';

/** Bytes of what was rendered for one workload; more in an annotation is not ours. */
const maxBytes = 1_048_576;

/** What helm made of some values. */
export interface Rendering {
  /** Of the chart and the values: the same makes the same. */
  readonly key: string;
  readonly objects: readonly HelmObject[];
}

/** As a workload carries it in an annotation, so that whoever leads next need not run helm for what is there. */
export function packed({ key, objects }: Rendering): string {
  return deflateRawSync(JSON.stringify({ key, objects })).toString('base64');
}

/** What a workload carries; undefined: nothing, or what somebody wrote there by hand. */
export function renderingIn({ metadata }: KubeObject): Rendering | undefined {
  const text = metadata.annotations?.[annotationNames.rendering];
  if (text === undefined) return undefined;
  try {
    const json = inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: maxBytes }).toString('utf8');
    const { key, objects } = JSON.parse(json) as Partial<Rendering>;
    return typeof key === 'string' && Array.isArray(objects) ? { key, objects } : undefined;
  } catch {
    return undefined;
  }
}
