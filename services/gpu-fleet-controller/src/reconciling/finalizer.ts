import { objectName, type KubeApi } from '@flotilla/kubernetes';
import { models, type Model } from '../models/model.ts';
import { drainFinalizer } from '../models/names.ts';

type Metadata = Model['metadata'];

export const isHeld = ({ finalizers = [] }: Metadata): boolean => finalizers.includes(drainFinalizer);

/** Keeps the Model until its engines are drained, or lets it go. A Model that changed meanwhile is a conflict: it is looked at again. */
export async function hold(
  api: Pick<KubeApi, 'patch'>,
  of: Metadata,
  held: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { finalizers = [], resourceVersion } = of;
  const others = finalizers.filter((finalizer) => finalizer !== drainFinalizer);
  const metadata = { finalizers: held ? [...others, drainFinalizer] : others, resourceVersion };
  await api.patch(models, objectName({ metadata: of }), { metadata }, { signal });
}
