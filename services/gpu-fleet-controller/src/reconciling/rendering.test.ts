import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@flotilla/kubernetes';
import { annotationNames } from '../models/names.ts';
import { packed, renderingIn } from './rendering.ts';

const workload = (annotation?: string): KubeObject => ({
  ...{ apiVersion: 'apps/v1', kind: 'Deployment' },
  metadata: {
    name: 'w',
    ...(annotation !== undefined && { annotations: { [annotationNames.rendering]: annotation } }),
  },
});
const objects = [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'llama' }, spec: { clusterIP: 'None' } }];
const deflated = (text: string) => deflateRawSync(text).toString('base64');

describe('what was rendered for a workload', () => {
  it('is read from it as it was', () => {
    expect(renderingIn(workload(packed({ key: 'k', objects })))).toEqual({ key: 'k', objects });
  });

  it.each([
    ['nothing', undefined],
    ['what is not packed', '{"key":"k","objects":[]}'],
    ['no JSON', deflated('{')],
    ['something else', deflated('{"key":1,"objects":{}}')],
    ['more than there can be', deflated(JSON.stringify({ key: 'k', objects: ['x'.repeat(2_000_000)] }))],
  ])('is taken for unknown when it holds %s', (_, annotation) => {
    expect(renderingIn(workload(annotation))).toBeUndefined();
  });
});
