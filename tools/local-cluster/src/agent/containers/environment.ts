import type { Pod } from '@flotilla/kubernetes';
import type { ContainerSpec, EnvVariable } from '../pod-spec.ts';
import type { Sources } from '../volumes/sources.ts';
import { fieldValue, resourceValue, type PodPlace } from './downward.ts';
import { expand } from './expansion.ts';

const variableName = /^[A-Za-z_.-][\w.-]*$/;

/**
 * The variables a container's spec asks for: envFrom, then env in its order, each of which may use what came before as
 * `$(NAME)`. `given`: what is there anyway. Throws MissingSource.
 */
export function environmentOf(
  pod: Pod,
  container: ContainerSpec,
  place: PodPlace,
  sources: Sources,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const namespace = pod.metadata.namespace ?? 'default';
  const variables: Record<string, string> = { ...given };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const source =
      (configMapRef && sources.find('ConfigMap', namespace, configMapRef.name, configMapRef.optional)) ??
      (secretRef && sources.find('Secret', namespace, secretRef.name, secretRef.optional));
    for (const [key, value] of Object.entries(source?.data ?? {})) {
      if (variableName.test(prefix + key)) variables[prefix + key] = value.toString();
    }
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(variable);
    if (value !== undefined) variables[variable.name] = value;
  }
  return variables;

  function valueOf({ value, valueFrom }: EnvVariable): string | undefined {
    if (valueFrom === undefined) return expand(value ?? '', variables);
    const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom;
    if (configMapKeyRef) return sources.key('ConfigMap', namespace, configMapKeyRef);
    if (secretKeyRef) return sources.key('Secret', namespace, secretKeyRef);
    if (fieldRef) return fieldValue(pod, place, fieldRef);
    return resourceFieldRef && resourceValue(resourceFieldRef, container);
  }
}
