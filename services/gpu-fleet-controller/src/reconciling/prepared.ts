import type { HelmObject } from '@flotilla/helm';
import { canonicalJson } from '@flotilla/kernel';
import type { KubeObject, Workload } from '@flotilla/kubernetes';
import type { Model } from '../models/model.ts';
import { annotationNames, fleetManager, labelNames } from '../models/names.ts';
import { hashOf, type Shape } from '../models/shape.ts';
import type { GroupName } from '../models/world.ts';
import { appliedResource, isWorkload } from './parts.ts';
import { RenderFailed } from './renderer.ts';
import { packed, type Rendering } from './rendering.ts';

/** What a workload carries so that more of its version can be made later. */
export interface Origin {
  readonly group: GroupName;
  readonly shape: Shape;
  readonly chart: string;
  readonly rendering: Rendering;
}

/** A rendered object as it is applied: in the Model's namespace, owned by it, labelled, marked with its hash. Throws RenderFailed. */
export function prepared(
  rendered: HelmObject,
  model: Pick<Model, 'apiVersion' | 'kind' | 'metadata'>,
  origin: Origin,
): KubeObject {
  const { kind, metadata } = rendered;
  const { namespace, name, uid = '' } = model.metadata;
  if (!appliedResource(rendered)) {
    throw new RenderFailed(`The chart renders ${kind}/${metadata.name}: the fleet applies no objects of that kind.`);
  }
  if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw new RenderFailed(
      `The chart renders ${kind}/${metadata.name} for the namespace ${metadata.namespace}: a Model's objects belong in its own, ${namespace}.`,
    );
  }
  const workload = isWorkload(rendered);
  const { group, shape, chart, rendering } = origin;
  const object = {
    ...rendered,
    metadata: {
      name: metadata.name,
      namespace,
      labels: {
        ...metadata.labels,
        [labelNames.managedBy]: fleetManager,
        [labelNames.model]: name,
        ...(workload && { [labelNames.profile]: group.profile, [labelNames.revision]: group.revision }),
      },
      annotations: {
        ...withoutHooks(metadata.annotations),
        ...(workload && {
          [annotationNames.shape]: canonicalJson(shape),
          [annotationNames.chart]: chart,
          [annotationNames.rendering]: packed(rendering),
        }),
      },
      ownerReferences: [
        {
          ...{ apiVersion: model.apiVersion, kind: model.kind, name, uid },
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
  };
  return marked(object);
}

/** The same workload with so many replicas. */
export function withReplicas(workload: KubeObject, replicas: number): KubeObject {
  const counted: Workload = { ...workload, spec: { ...(workload as Workload).spec, replicas } };
  return marked(counted);
}

/** What was read of workloads, as long as they are there. */
const origins = new WeakMap<KubeObject, ReturnType<typeof readOrigin>>();

/** The shape a workload was rendered from, and the chart's version; undefined: not by this controller. */
export function originIn(workload: KubeObject): { shape: Shape; chart: string } | undefined {
  if (!origins.has(workload)) origins.set(workload, readOrigin(workload));
  return origins.get(workload);
}

function readOrigin({ metadata }: KubeObject): { shape: Shape; chart: string } | undefined {
  const { [annotationNames.shape]: shape, [annotationNames.chart]: chart } = metadata.annotations ?? {};
  if (shape === undefined || chart === undefined) return undefined;
  try {
    return { shape: JSON.parse(shape) as Shape, chart };
  } catch {
    // Somebody wrote into it by hand: it is a workload like one of another controller then.
    return undefined;
  }
}

function marked(object: KubeObject): KubeObject {
  const { annotations = {}, ...metadata } = object.metadata;
  const { [annotationNames.applied]: _before, ...others } = annotations;
  const hash = hashOf({ ...object, metadata: { ...metadata, annotations: others } }).slice(0, 16);
  return { ...object, metadata: { ...metadata, annotations: { ...others, [annotationNames.applied]: hash } } };
}

function withoutHooks(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !name.startsWith('helm.sh/')));
}
