import { counter, gauge, histogram } from '@flotilla/telemetry';

export const callsTotal = counter({
  name: 'flotilla_kubernetes_calls_total',
  description: "Calls to the cluster's API, by verb, resource and HTTP status (0: none came)",
});

export const callDuration = histogram({
  name: 'flotilla_kubernetes_call_duration_seconds',
  description: "What calls to the cluster's API take; watches are left out",
  unit: 's',
});

export const up = gauge({
  name: 'flotilla_kubernetes_up',
  description: "1 while the cluster's API answers, 0 since a call or a watch found it away",
});

export const listsTotal = counter({
  name: 'flotilla_kubernetes_lists_total',
  description: 'Whole lists taken by those who follow a resource: one at the start, one after each gap',
});

export const watchBreaksTotal = counter({
  name: 'flotilla_kubernetes_watch_breaks_total',
  description: 'Watches and lists that failed, by reason',
});
