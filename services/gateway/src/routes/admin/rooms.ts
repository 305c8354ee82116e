import { FlotillaError } from '@flotilla/kernel';
import type { Directory } from '../../directory/directory.ts';
import type { Edge } from '../../http/edge.ts';
import type { RuleStore } from '../../rules/rule-store.ts';

/** Who holds credentials. Throws `unavailable` on a gateway without a database. */
export function directoryOf({ directory }: Edge): Directory {
  return directory ?? withoutDatabase();
}

export function rulesOf({ ruleStore }: Edge): RuleStore {
  return ruleStore ?? withoutDatabase();
}

function withoutDatabase(): never {
  throw new FlotillaError('unavailable', 'This gateway has no database: what it would change is kept elsewhere.');
}
