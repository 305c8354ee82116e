import type { KubeObject } from '@flotilla/kubernetes';
import type { Model } from './model.ts';
import { modelSpecSchema } from './model-spec.ts';

/** A Model as it was read: with its defaults, or what is wrong with it. */
export type ParsedModel =
  | { readonly model: Model; readonly problem?: undefined }
  | { readonly model: Omit<Model, 'spec'>; readonly problem: string };

/** At most so many of the things that are wrong are told. */
const maxProblems = 5;

/** The API has refused nonsense before; this is for a CRD that is older than the controller, or was loosened. */
export function parseModel(object: KubeObject & { spec?: unknown; status?: Model['status'] }): ParsedModel {
  const { apiVersion, kind, metadata, status } = object;
  const { managedFields: _fields, ...kept } = metadata;
  const model = { apiVersion, kind, metadata: kept, ...(status && { status }) };
  const parsed = modelSpecSchema.safeParse(object.spec ?? {});
  const problems = parsed.success
    ? nonsense(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`);
  if (!parsed.success || problems.length > 0) {
    return { model, problem: `${problems.slice(0, maxProblems).join('; ')}. Nothing is changed until it is mended.` };
  }
  return { model: { ...model, spec: parsed.data } };
}

function nonsense({ source, profiles, scaling, adapters }: Model['spec']): string[] {
  const sources = Object.keys(source).length;
  const { minReplicas, maxReplicas } = scaling;
  return [
    ...(sources === 1 ? [] : [`spec.source: name exactly one of hub, pvc, s3 and image, not ${sources}`]),
    ...(minReplicas > maxReplicas
      ? [`spec.scaling: minReplicas ${minReplicas} is above maxReplicas ${maxReplicas}`]
      : []),
    ...twice('profiles', profiles),
    ...twice('adapters', adapters),
  ];
}

function twice(field: string, named: readonly { name: string }[]): string[] {
  const names = named.map(({ name }) => name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  return double === undefined ? [] : [`spec.${field}: "${double}" is there twice`];
}
