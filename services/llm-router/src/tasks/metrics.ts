import { counter } from '@flotilla/telemetry';

const choices = counter({
  name: 'flotilla.router.task.choices',
  description: 'Models chosen for auto',
});
const refusals = counter({
  name: 'flotilla.router.task.refusals',
  description: 'Requests for auto that no model could take',
});

/** Models that get series of their own; the rest share `other`, so that no configuration can fill the memory. */
const maxModels = 200;
const models = new Set<string>();
const standard = ['cheap', 'balanced', 'best'];

export function chosen(task: string, policy: string, model: string): void {
  if (models.size < maxModels) models.add(model);
  choices.add(1, {
    task,
    policy: standard.includes(policy) ? policy : 'own',
    model: models.has(model) ? model : 'other',
  });
}

export function refused(code: string): void {
  refusals.add(1, { code });
}
