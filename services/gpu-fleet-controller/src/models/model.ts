import type { Condition, KubeObject, Resource } from '@flotilla/kubernetes';
import type { ModelSpec } from './model-spec.ts';

/** `models.fleet.flotilla.dev`: what is to be served, and how. charts/flotilla/files/models.fleet.flotilla.dev.yaml is its schema. */
export interface Model extends KubeObject {
  spec: ModelSpec;
  status?: ModelStatus;
}

export const models: Resource<Model> = {
  apiVersion: 'fleet.flotilla.dev/v1alpha1',
  kind: 'Model',
  plural: 'models',
  namespaced: true,
};

export interface ModelStatus {
  observedGeneration?: number;
  /** One word for people: Zero, Starting, Ready, Sleeping, Rolling, Degraded, Invalid, Deleting. */
  phase?: string;
  /** Pods that are there, whatever their state. For the scale subresource. */
  replicas?: number;
  readyReplicas?: number;
  /** What the last decision wants. */
  desiredReplicas?: number;
  sleepingReplicas?: number;
  /** Label selector of its pods, for the scale subresource. */
  selector?: string;
  /** The version that serves, and the one that comes, as in the names of their workloads. */
  revision?: string;
  updatingTo?: string;
  /** The revision a rollout went back from: not tried again until the spec changes. */
  failedRevision?: string;
  canary?: { weight: number; requests: number; verdict: string };
  adapters?: { name: string; ready: number; wanted: number; message?: string }[];
  scaling?: {
    desired: number;
    mode: string;
    /** Why, with the figures it was decided by. */
    reason: string;
    decidedAt: string;
    byProfile: { profile: string; replicas: number }[];
  };
  conditions?: Condition[];
}

/** Conditions of a Model, in kubectl's order. */
export type ModelConditionType = 'Ready' | 'Progressing' | 'ScalingActive' | 'Degraded';
