import type { Clock } from '@flotilla/kernel';
import { pods } from '@flotilla/kubernetes';
import { logger } from '@flotilla/telemetry';
import { Announcer } from '../announcer.ts';
import type { EngineView } from '../engine-view.ts';
import type { Model } from '../models/model.ts';
import type { Replicas, ReplicasListener } from '../replicas/replicas.ts';
import { isRefusal } from './applier.ts';
import { ModelActor, type ActorPorts, type Deciders } from './model-actor.ts';

const log = logger('fleet');

/** How often a Model's engines are told of while nothing but their load changes, and while nothing does. Milliseconds. */
const pace = { loadIntervalMs: 250, heartbeatMs: 30_000 };

export interface LedModelPorts extends Omit<ActorPorts, 'replicas'> {
  readonly clock: Clock;
  createReplicas(model: Model, listener: ReplicasListener): Replicas;
  createDeciders(model: Model): Deciders;
  /** Tells all routers of the engines of a scope. */
  publish(scope: string, engines: readonly EngineView[]): Promise<void>;
  /** It is worth to look at the Model again. */
  wake(scope: string): void;
}

/** One Model while this controller leads: its engines, who decides for it, and who is told. */
export class LedModel {
  readonly replicas: Replicas;
  readonly actor: ModelActor;
  closed = false;
  private readonly announcer: Announcer;

  constructor(
    readonly scope: string,
    model: Model,
    private readonly ports: LedModelPorts,
    private readonly signal: AbortSignal,
  ) {
    this.replicas = ports.createReplicas(model, {
      changed: (what) => {
        this.announcer.changed(what);
        // Until all are known, a look at each would be as many looks as there are pods.
        if (what === 'state' && this.replicas.known()) ports.wake(scope);
      },
      onDemand: () => ports.wake(scope),
      discard: (pod, reason) => void this.discard(pod, reason),
    });
    this.actor = new ModelActor(scope, ports.createDeciders(model), { ...ports, replicas: this.replicas });
    this.announcer = new Announcer(() => this.announce(), ports.clock, pace);
    this.announcer.start();
  }

  /** The Model and its pods are other than they were. */
  refresh(): void {
    const parsed = this.ports.view.model(this.scope);
    if (parsed?.problem === undefined && parsed) this.replicas.update(parsed.model, this.ports.view.podsOf(this.scope));
  }

  /** Undefined: a controller that has just begun to lead does not know them yet. */
  engines(): readonly EngineView[] | undefined {
    return this.replicas.known() ? this.replicas.engines() : undefined;
  }

  /** `gone`: the Model is no more, and routers are to forget its engines. */
  async close(gone: boolean): Promise<void> {
    this.closed = true;
    this.announcer.stop();
    await this.replicas.close();
    if (gone) await this.ports.publish(this.scope, []);
  }

  private async announce(): Promise<void> {
    const engines = this.engines();
    if (engines && !this.closed) await this.ports.publish(this.scope, engines);
  }

  private async discard(name: string, reason: string): Promise<void> {
    const facts = this.ports.view.podsOf(this.scope).find((pod) => pod.name === name);
    if (!facts || facts.deleted || this.closed) return;
    const { namespace, uid } = facts;
    const fields = { scope: this.scope, pod: name, reason };
    try {
      await this.ports.api.delete(pods, { namespace, name }, { uid, signal: this.signal });
      log.warn('a replica was deleted, for another to take its place', fields);
    } catch (error) {
      if (!isRefusal(error)) log.warn('a replica could not be deleted', { ...fields, error });
    }
  }
}
