import { parseAllDocuments, type ScalarTag, type Tags } from 'yaml';
import { HelmError, type HelmObject } from './helm.ts';

/** The objects in a stream of YAML documents, read as Kubernetes reads them; empty documents are left out. */
export function parseManifests(text: string): HelmObject[] {
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags) => tags.flatMap(asKubernetes),
  });
  if ('empty' in documents) return [];
  return documents.flatMap((document) => {
    if (document.errors.length > 0)
      throw new HelmError('render', `what was rendered is no YAML: ${document.errors[0]!.message}`);
    const object: unknown = document.toJS();
    if (object === null || object === undefined) return [];
    if (isObject(object)) return [object];
    throw new HelmError('render', 'what was rendered is no object with apiVersion, kind and metadata.name');
  });
}

/** Its reader knows neither base 60 nor dates, and takes for text what is no number or one beyond all bounds: `e7419650` and `289e4586` are names. */
function asKubernetes(tag: Tags[number]): Tags {
  if (typeof tag === 'string') return [tag];
  if (tag.tag.endsWith(':timestamp') || tag.format === 'TIME') return [];
  if (tag.format !== 'EXP') return [tag];
  const exponential = tag as ScalarTag;
  const resolve: ScalarTag['resolve'] = (text, ...rest) => {
    const value = exponential.resolve(text, ...rest);
    return Number.isFinite(value) ? value : text;
  };
  return [{ ...exponential, resolve }];
}

function isObject(value: unknown): value is HelmObject {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<HelmObject>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata?.name === 'string';
}
