import { counter, histogram } from '@flotilla/telemetry';
import type { RuleInfo } from './rule-pack.ts';

const findings = counter({
  name: 'flotilla_safety_findings_total',
  description: 'Matches of rules, by rule, action and direction',
});

export const checkSeconds = histogram({
  name: 'flotilla_safety_check_duration_seconds',
  description: 'Time to check the new messages of one prompt',
  unit: 's',
  buckets: [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1],
});

export const guardSeconds = histogram({
  name: 'flotilla_safety_guard_duration_seconds',
  description: 'Time to guard one piece of an answer; one piece in 64 is measured',
  unit: 's',
  buckets: [0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.01],
});

export function countFindings(
  rules: readonly RuleInfo[],
  action: 'allow' | 'redact' | 'block',
  direction: 'input' | 'output',
): void {
  for (const { id } of rules) findings.add(1, { rule: id, action, direction });
}
