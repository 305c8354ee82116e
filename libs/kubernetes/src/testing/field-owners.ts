import { KubeError } from '../kube-error.ts';
import { isMap, same, type Document } from './documents.ts';

/** Where a field is: names from the root, as JSON. */
type Path = string;

/**
 * Who set which field of an object, for server-side apply. Simpler than the API's: a list is one field, as if none had keys.
 * Fields are leaves: values, lists, and maps without anything in them.
 */
export class FieldOwners {
  readonly #byManager = new Map<string, Set<Path>>();

  /** A write that is no apply: what it changed is its own now, and no other's. */
  wrote(manager: string, before: Document | undefined, after: Document): void {
    const [old, now] = [leavesOf(before), leavesOf(after)];
    const changed = [...now]
      .filter(([path, value]) => !old.has(path) || !same(old.get(path), value))
      .map(([path]) => path);
    const gone = [...old.keys()].filter((path) => !now.has(path));
    for (const paths of this.#byManager.values()) for (const path of [...changed, ...gone]) paths.delete(path);
    const own = this.#byManager.get(manager) ?? new Set();
    for (const path of changed) own.add(path);
    this.#byManager.set(manager, own);
  }

  /** What was made by an apply is its manager's alone. */
  applied(manager: string, made: Document): void {
    this.#byManager.clear();
    this.#byManager.set(manager, new Set(leavesOf(made).keys()));
  }

  /** What an apply makes of the object; throws kind `conflict` when it changes what is another's, unless it is forced. */
  apply(manager: string, before: Document, applied: Document, force: boolean): Document {
    const [old, now] = [leavesOf(before), leavesOf(applied)];
    const result = structuredClone(before);
    for (const [path, value] of now) {
      if (old.has(path) && !same(old.get(path), value)) this.#takeOver(manager, path, force);
    }
    for (const path of this.#byManager.get(manager) ?? []) {
      if (!now.has(path) && !this.#isOfAnother(manager, path)) removeAt(result, JSON.parse(path) as string[]);
    }
    for (const [path, value] of now) setAt(result, JSON.parse(path) as string[], value);
    this.#byManager.set(manager, new Set(now.keys()));
    return result;
  }

  #takeOver(manager: string, path: Path, force: boolean): void {
    for (const [other, paths] of this.#byManager) {
      if (other === manager || !paths.has(path)) continue;
      const field = (JSON.parse(path) as string[]).join('.');
      if (!force) throw new KubeError('conflict', `Apply failed with 1 conflict: conflict with "${other}": .${field}`);
      paths.delete(path);
    }
  }

  #isOfAnother(manager: string, path: Path): boolean {
    return [...this.#byManager].some(([other, paths]) => other !== manager && paths.has(path));
  }
}

/** Fields that are the API's own, or address the object. */
const addressing = new Set(['apiVersion', 'kind']);
const ownMetadata = new Set([
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp'],
  ...['deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields'],
]);

function leavesOf(document: Document | undefined): Map<Path, unknown> {
  const leaves = new Map<Path, unknown>();
  const walk = (value: unknown, path: readonly string[]): void => {
    if (value === undefined) return;
    if (!isMap(value) || Object.keys(value).length === 0) {
      leaves.set(JSON.stringify(path), value);
      return;
    }
    for (const [name, inner] of Object.entries(value)) walk(inner, [...path, name]);
  };
  for (const [name, value] of Object.entries(document ?? {})) {
    if (addressing.has(name)) continue;
    if (name !== 'metadata') walk(value, [name]);
    else
      for (const [field, inner] of Object.entries(value ?? {})) if (!ownMetadata.has(field)) walk(inner, [name, field]);
  }
  return leaves;
}

function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = root;
  for (const name of path.slice(0, -1)) {
    if (!isMap(at[name])) at[name] = {};
    at = at[name] as Record<string, unknown>;
  }
  const name = path.at(-1)!;
  // A map without anything in it asks that there be one.
  if (!isMap(value) || !isMap(at[name])) at[name] = structuredClone(value);
}

/** Removes the field, and the maps above it that hold nothing any more. */
function removeAt(root: Record<string, unknown>, path: readonly string[]): void {
  const [name, ...rest] = path;
  if (rest.length === 0) {
    delete root[name!];
    return;
  }
  const inner = root[name!];
  if (!isMap(inner)) return;
  removeAt(inner as Record<string, unknown>, rest);
  if (Object.keys(inner).length === 0) delete root[name!];
}
