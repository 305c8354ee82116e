import type { fleet, limits, orchestrator, rag, router, safety } from '@flotilla/contracts';
import type { Clock, Random } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import type { ApiKeys } from '../access/api-keys.ts';
import type { Authenticator } from '../access/authenticator.ts';
import type { Turns } from '../chat/turns.ts';
import type { GatewayConfig } from '../config.ts';
import type { Directory } from '../directory/directory.ts';
import type { SharedAnswers } from '../idempotency/shared-answers.ts';
import type { RuleStore } from '../rules/rule-store.ts';
import type { Regions } from '../regions/regions.ts';
import type { ServerCertificate } from '../tls/server-certificate.ts';
import type { ClientAddress } from './client-address.ts';
import type { FailedKeys } from './failed-keys.ts';
import type { InFlight } from './in-flight.ts';

/** What routes work with. */
export interface Edge {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: ApiKeys;
  readonly access: Authenticator;
  /** Undefined: keys come from elsewhere and cannot be changed here. */
  readonly directory: Directory | undefined;
  /** As the directory. */
  readonly ruleStore: RuleStore | undefined;
  readonly turns: Turns;
  readonly orchestrator: Client<orchestrator.OrchestratorDefinition>;
  readonly rag: Client<rag.RagDefinition>;
  readonly router: Client<router.RouterDefinition>;
  readonly registry: Client<router.RegistryDefinition>;
  readonly activation: Client<fleet.ActivationDefinition>;
  readonly limiter: Client<limits.LimitsDefinition>;
  readonly safety: Client<safety.SafetyDefinition>;
  readonly inFlight: InFlight;
  readonly shared: SharedAnswers;
  readonly clients: ClientAddress;
  readonly failedKeys: FailedKeys;
  /** Undefined: this gateway knows of no regions. */
  readonly regions: Regions | undefined;
  /** Undefined: HTTP in the clear. */
  readonly certificate: ServerCertificate | undefined;
  /** True from the beginning of the drain: connections are not kept for another request. */
  ending(): boolean;
  /** True while this gateway takes work and what stands behind it is ready. */
  ready(): Promise<boolean>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}
