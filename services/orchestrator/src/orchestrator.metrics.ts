import { counter, gauge, histogram } from '@flotilla/telemetry';

export const turns = counter({
  name: 'flotilla_orchestrator_turns_total',
  description: 'Chat calls that began, by plan and outcome',
});

export const safetyUnchecked = counter({
  name: 'flotilla_orchestrator_safety_unchecked_total',
  description: 'Prompts and pieces of answers that safety did not answer for, by step and policy',
});

export const retrievalSkipped = counter({
  name: 'flotilla_orchestrator_retrieval_skipped_total',
  description: 'Turns answered without the documents they asked for, by reason',
});

export const turnSeconds = histogram({
  name: 'flotilla_orchestrator_turn_duration_seconds',
  description: 'From the call to its end, by outcome',
  unit: 's',
});

export const unwrittenRows = gauge({
  name: 'flotilla_orchestrator_unwritten_rows',
  description: 'Usage that the database has refused so far and that is tried again',
});

export const published = counter({
  name: 'flotilla_orchestrator_outbox_published_total',
  description: 'Events the bus acknowledged, by topic',
});
