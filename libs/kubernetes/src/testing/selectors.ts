import type { Selection } from '../kube-api.ts';
import { KubeError } from '../kube-error.ts';
import type { KubeObject } from '../object.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether an object is one of a selection. Throws kind `invalid` for a selector that cannot be read. */
export function selectorOf({ namespace, labelSelector, fieldSelector }: Selection): (object: KubeObject) => boolean {
  const labels = termsOf(labelSelector).map(labelTerm);
  const fields = termsOf(fieldSelector).map(fieldTerm);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    labels.every((matches) => matches(object.metadata.labels ?? {})) &&
    fields.every((matches) => matches(object));
}

/** At commas that are not inside the parentheses of a set. */
function termsOf(selector = ''): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter(Boolean);
}

function labelTerm(term: string): (labels: Labels) => boolean {
  const set = /^([\w./-]+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set) {
    const [, key, operator, list] = set;
    const values = list!.split(',').map((value) => value.trim());
    return (labels) => values.includes(labels[key!] as string) === (operator === 'in');
  }
  const equal = /^([\w./-]+)\s*(==?|!=)\s*([\w.-]*)$/.exec(term);
  if (equal) {
    const [, key, operator, value] = equal;
    return (labels) => (labels[key!] === value) === (operator !== '!=');
  }
  const presence = /^(!?)\s*([\w./-]+)$/.exec(term);
  if (!presence) throw new KubeError('invalid', `unable to parse requirement: ${term}`);
  const [, not, key] = presence;
  return (labels) => (labels[key!] !== undefined) === (not === '');
}

function fieldTerm(term: string): (object: KubeObject) => boolean {
  const parts = /^([^\s=!]+)\s*(==?|!=)\s*([^\s=!]*)$/.exec(term);
  if (!parts) throw new KubeError('invalid', `invalid field selector: ${term}`);
  const [, field, operator, value] = parts;
  const path = field!.split('.');
  return (object) => (valueAt(object, path) === value) === (operator !== '!=');
}

function valueAt(object: unknown, path: readonly string[]): string {
  let at = object;
  for (const part of path) at = (at as Record<string, unknown> | undefined)?.[part];
  return at === undefined || at === null ? '' : String(at);
}
