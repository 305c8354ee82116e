import { ruleSchema, type ContentRule } from '@flotilla/kernel';

/** The organisation of rules that hold for all. */
export const everyOrg = '*';

/** A rule as people write it, for one organisation. */
export const ruleInputSchema = ruleSchema.omit({ org: true });
export type RuleInput = Omit<ContentRule, 'org'>;

/** A rule as it is kept. Times are milliseconds since 1970. */
export interface StoredRule extends ContentRule {
  readonly createdAt: number;
  readonly updatedAt: number;
}
