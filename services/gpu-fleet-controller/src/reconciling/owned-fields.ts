import { canonicalJson } from '@flotilla/kernel';

/**
 * What of an object is told by another: the fields of `pattern`, as `object` has them, as canonical JSON. What the API or
 * others added is left out. Elements of lists are found by their name, as server-side apply does where they have one.
 */
export function ownedFields(pattern: unknown, object: unknown): string {
  return canonicalJson(project(pattern, object));
}

function project(pattern: unknown, object: unknown): unknown {
  if (Array.isArray(pattern)) return Array.isArray(object) ? projectList(pattern, object) : object;
  if (!isRecord(pattern) || !isRecord(object)) return object;
  return Object.fromEntries(Object.entries(pattern).map(([field, part]) => [field, project(part, object[field])]));
}

function projectList(pattern: readonly unknown[], list: readonly unknown[]): unknown[] {
  if (!pattern.every(hasName)) {
    // Without names a list is one value: another length is another list.
    return list.map((element, index) => (index < pattern.length ? project(pattern[index], element) : element));
  }
  const byName = new Map(list.filter(hasName).map((element) => [element.name, element]));
  return pattern.map((element) => project(element, byName.get(element.name)));
}

function hasName(value: unknown): value is { name: string } {
  return isRecord(value) && typeof value.name === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
