import type { KubeObject, ObjectMeta } from '../object.ts';

/** An object of any kind as it is stored. */
export type Document = KubeObject & { spec?: unknown; status?: unknown; [field: string]: unknown };

/** What the API sets and no writer does. */
const kept = ['uid', 'creationTimestamp', 'generation', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

type Json = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, at) => same(value, other[at]));
  }
  if (!isMap(one) || !isMap(other)) return false;
  const names = definedNames(one);
  return names.length === definedNames(other).length && names.every((name) => same(one[name], other[name]));
}

function definedNames(map: Json): string[] {
  return Object.keys(map).filter((name) => map[name] !== undefined);
}

/** RFC 7396. */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatched(result[name], value);
  }
  return result;
}

/** What a write of all but the status makes of an object: its status and what the API alone sets stay. */
export function withoutStatusOf(before: Document, written: Document): Document {
  const { status, ...rest } = written;
  const metadata: ObjectMeta = { ...rest.metadata, resourceVersion: before.metadata.resourceVersion! };
  for (const field of kept) {
    if (before.metadata[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: before.metadata[field] });
  }
  delete metadata.managedFields;
  return { ...rest, metadata, ...(before.status !== undefined && { status: before.status }) };
}

/** What a write of the status makes of an object: nothing else changes. */
export function withStatusOf(before: Document, written: Document): Document {
  const { status, ...rest } = before;
  return { ...rest, ...(written.status !== undefined && { status: written.status }) };
}

/** Whether more than metadata and status differs: then the generation goes up. */
export function specDiffers(before: Document, after: Document): boolean {
  const spec = ({ metadata, status, ...rest }: Document) => rest;
  return !same(spec(before), spec(after));
}
