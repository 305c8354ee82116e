import { counter, gauge, logger } from '@flotilla/telemetry';

const log = logger('llm-router');

const changes = counter({
  name: 'flotilla_router_registry_changes_total',
  description: 'Changes of the registry’s layers by outcome: taken, or refused since they do not fit together',
  unit: '{change}',
});
const taken = changes.bind({ outcome: 'taken' });
const refused = changes.bind({ outcome: 'refused' });
const problem = gauge({
  name: 'flotilla_router_registry_problem',
  description: '1 while the newest layers of the registry do not fit together and the last good ones are in force',
}).bind({});
const unread = gauge({
  name: 'flotilla_router_overrides_unread',
  description: '1 while what was set at run time cannot be read: what was known of it last is in force',
}).bind({});

export const registryMetrics = {
  taken(): void {
    taken.add(1);
    problem.set(0);
  },
  refused(why: string): void {
    refused.add(1);
    problem.set(1);
    log.error('a change of the registry is not in force', { problem: why });
  },
  unread: (whether: boolean) => unread.set(whether ? 1 : 0),
};
