import type { EventRecorder } from '@flotilla/kubernetes';
import type { Model, ModelStatus } from '../models/model.ts';
import type { Judged } from './status-of.ts';

export type Recorder = Pick<EventRecorder, 'record'>;

/** Tells what became of a Model, each thing once. */
export class Reports {
  private last: { phase: string; desired: number; rollout: string; trouble: string } | undefined;

  constructor(private readonly recorder: Recorder) {}

  tell({ world, scaling, plan, trips, problem }: Judged, status: ModelStatus): void {
    const { model } = world;
    const before = this.last ?? {
      phase: model.status?.phase ?? '',
      desired: model.status?.desiredReplicas ?? 0,
      rollout: 'Steady',
      trouble: '',
    };
    const phase = status.phase ?? '';
    const trouble = problem ?? (trips[0] && { reason: trips[0].kind, message: trips[0].message });
    const rollout = plan.failedRevision ?? plan.phase;
    this.last = { phase, desired: scaling.desired, rollout, trouble: trouble?.message ?? '' };
    if (scaling.desired !== before.desired) {
      this.normal(model, 'Scaled', `from ${before.desired} to ${scaling.desired} replicas: ${scaling.reason}`);
    }
    if (rollout !== before.rollout) {
      const back = plan.phase === 'RollingBack' || plan.failedRevision !== undefined;
      const [type, reason] = back
        ? (['Warning', 'RolledBack'] as const)
        : (['Normal', `Rollout${plan.phase}`] as const);
      this.recorder.record(model, type, reason, plan.message);
    }
    if (trouble && trouble.message !== before.trouble) {
      this.recorder.record(model, 'Warning', trouble.reason, trouble.message);
    }
    if (phase !== before.phase)
      this.normal(model, phase, before.phase ? `It was ${before.phase} before.` : 'It is looked after now.');
  }

  retiring(model: Model): void {
    if (this.last?.phase === 'Deleting') return;
    this.last = { phase: 'Deleting', desired: 0, rollout: '', trouble: '' };
    this.normal(model, 'Draining', 'its engines finish what they have before they go');
  }

  private normal(model: Model, reason: string, message: string): void {
    this.recorder.record(model, 'Normal', reason, message);
  }
}
