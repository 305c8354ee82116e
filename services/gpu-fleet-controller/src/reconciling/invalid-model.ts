import type { Clock } from '@flotilla/kernel';
import type { KubeApi } from '@flotilla/kubernetes';
import type { Model } from '../models/model.ts';
import { hold, isHeld } from './finalizer.ts';
import { invalidStatus } from './status-of.ts';
import { StatusWriter } from './status-writer.ts';

/** A Model whose spec cannot be taken: that is said, and what is there of it stays as it is. */
export class InvalidModel {
  private readonly status: StatusWriter;

  constructor(
    private readonly api: Pick<KubeApi, 'applyStatus' | 'patch'>,
    private readonly clock: Clock,
  ) {
    this.status = new StatusWriter(api, clock);
  }

  async tell(model: Omit<Model, 'spec'>, problem: string, signal: AbortSignal): Promise<void> {
    const { deletionTimestamp } = model.metadata;
    if (deletionTimestamp === undefined) {
      await this.status.write(model, invalidStatus(model, problem, this.clock.now()), signal);
    } else if (isHeld(model.metadata)) {
      await hold(this.api, model.metadata, false, signal);
    }
  }
}
