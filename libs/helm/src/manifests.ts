import { parseAllDocuments } from 'yaml';
import { HelmError, type HelmObject } from './helm.ts';

/** The objects in a stream of YAML documents, read as Kubernetes reads them; empty documents are left out. */
export function parseManifests(text: string): HelmObject[] {
  const documents = parseAllDocuments(text, {
    version: '1.1',
    // Kubernetes' reader knows neither base 60 nor dates.
    customTags: (tags) =>
      tags.filter((tag) => typeof tag === 'string' || (!tag.tag.endsWith(':timestamp') && tag.format !== 'TIME')),
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

function isObject(value: unknown): value is HelmObject {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<HelmObject>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata?.name === 'string';
}
