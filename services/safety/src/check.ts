import { guardPiece, type TriggerTable } from './guard.ts';
import type { RuleInfo, RulePack } from './rule-pack.ts';

/** Characters scanned at a time, so that one long prompt does not keep the others waiting. */
export interface Windows {
  readonly size: number;
  /** What two neighbours share: longer than any phrase that is looked for. */
  readonly overlap: number;
}

export interface CheckedMessage {
  readonly role: string;
  readonly content: string;
}

export interface CheckResult {
  readonly blocked: readonly RuleInfo[];
  readonly noted: readonly RuleInfo[];
}

const CLEAN: CheckResult = Object.freeze({ blocked: [], noted: [] });

/** What the operator writes may say "ignore": only what comes from outside is searched for injections. */
const TRUSTED_ROLES = new Set(['system', 'developer']);

/** The rules in force. */
export interface ActiveRules {
  readonly packs: readonly RulePack[];
  readonly triggers: TriggerTable;
}

function scan(text: string, trusted: boolean, rules: ActiveRules, blocked: Set<RuleInfo>, noted: Set<RuleInfo>): void {
  if (!trusted) {
    for (const { detectors } of rules.packs) {
      for (const detector of detectors) for (const rule of detector.detect(text)) blocked.add(rule);
    }
  }
  for (const rule of guardPiece(rules.triggers, undefined, text, true).found) noted.add(rule);
}

/**
 * Checks the new messages of a prompt. Long ones are scanned in overlapping windows, and `pause` is awaited between windows.
 */
export async function checkMessages(
  messages: readonly CheckedMessage[],
  rules: ActiveRules,
  windows: Windows,
  pause: () => Promise<unknown>,
): Promise<CheckResult> {
  const blocked = new Set<RuleInfo>();
  const noted = new Set<RuleInfo>();
  for (const { role, content } of messages) {
    const trusted = TRUSTED_ROLES.has(role);
    for (let start = 0; start < content.length; start += windows.size - windows.overlap) {
      if (start > 0) await pause();
      const whole = start === 0 && content.length <= windows.size;
      scan(whole ? content : content.slice(start, start + windows.size), trusted, rules, blocked, noted);
      if (start + windows.size >= content.length) break;
    }
  }
  return blocked.size + noted.size === 0 ? CLEAN : { blocked: [...blocked], noted: [...noted] };
}
