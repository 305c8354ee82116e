import type { ContentRule } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { refusalOf } from './pattern.ts';
import { everyOrg } from './rule.ts';
import { RuleSet } from './rule-set.ts';

type RulesByOrg = ReadonlyMap<string, readonly ContentRule[]>;

/** Organisations with rules of their own whose automaton is kept, at most about 1 MiB each. */
const mostCompiled = 256;

const log = logger('gateway.rules');

/**
 * The rules of each organisation in two layers, compiled when they are first asked for. A rule of the database overrides
 * that of the file with the same organisation and id; no organisation can override what holds for all.
 */
export class CompiledRules {
  #inFile: RulesByOrg;
  #stored: RulesByOrg = new Map();
  /** Undefined: there are no rules. The least recently used leaves first. */
  readonly #compiled = new Map<string, RuleSet | undefined>();

  constructor(inFile: readonly ContentRule[]) {
    this.#inFile = byOrg(inFile);
  }

  setFile(rules: readonly ContentRule[]): void {
    this.#inFile = byOrg(rules);
    this.#compiled.clear();
  }

  /** The rules the database has of one organisation; without one: every rule it has. What did not change stays compiled. */
  setStored(orgId: string | undefined, rules: readonly ContentRule[]): void {
    const before = this.#stored;
    const after = new Map(orgId === undefined ? [] : before);
    if (orgId !== undefined) after.delete(orgId);
    for (const [org, group] of byOrg(rules)) after.set(org, group);
    this.#stored = after;
    if (!same(before.get(everyOrg), after.get(everyOrg))) return this.#compiled.clear();
    for (const org of this.#compiled.keys()) if (!same(before.get(org), after.get(org))) this.#compiled.delete(org);
  }

  /** What holds for an organisation; undefined: nothing. */
  find(orgId: string): RuleSet | undefined {
    const owner = this.#stored.has(orgId) || this.#inFile.has(orgId) ? orgId : everyOrg;
    const known = this.#compiled.has(owner);
    const set = known ? this.#compiled.get(owner) : this.#compile(owner);
    // Alone it is the newest already.
    if (known && this.#compiled.size === 1) return set;
    this.#compiled.delete(owner);
    this.#compiled.set(owner, set);
    if (this.#compiled.size > mostCompiled) this.#compiled.delete(this.#compiled.keys().next().value!);
    return set;
  }

  #compile(orgId: string): RuleSet | undefined {
    const rules = new Map<string, ContentRule>();
    for (const org of orgId === everyOrg ? [everyOrg] : [everyOrg, orgId]) {
      for (const layer of [this.#inFile, this.#stored]) {
        for (const rule of layer.get(org) ?? []) rules.set(`${org}/${rule.id}`, rule);
      }
    }
    const usable = [...rules.values()].filter((rule) => rule.enabled && isUsable(rule));
    return usable.length === 0 ? undefined : new RuleSet(usable);
  }
}

/** Rules are tested before they are saved; one that was written into the file or the database by hand was not. */
function isUsable({ org, id, pattern }: ContentRule): boolean {
  const reason = refusalOf(pattern);
  if (reason !== undefined) log.error('a content rule is not in force', { org_id: org, rule_id: id, reason });
  return reason === undefined;
}

function byOrg(rules: readonly ContentRule[]): Map<string, readonly ContentRule[]> {
  const grouped = new Map<string, ContentRule[]>();
  for (const rule of rules) {
    const group = grouped.get(rule.org);
    if (group) group.push(rule);
    else grouped.set(rule.org, [rule]);
  }
  return grouped;
}

function same(a: readonly ContentRule[] | undefined, b: readonly ContentRule[] | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
