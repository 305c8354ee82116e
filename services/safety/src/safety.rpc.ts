import { setImmediate } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import { safety } from '@flotilla/contracts';
import type { Clock } from '@flotilla/kernel';
import { RpcController, type Handlers } from '@flotilla/rpc';
import { ActivePacks } from './active-packs.ts';
import { checkMessages, type Windows } from './check.ts';
import { guardPiece } from './guard.ts';
import type { RuleInfo } from './rule-pack.ts';
import { checkSeconds, countFindings, guardSeconds } from './safety.metrics.ts';

export const CLOCK = Symbol('clock');
export const WINDOWS = Symbol('windows');

const { Action } = safety;
const NO_FINDINGS: safety.Finding[] = [];

const finding = ({ id, category, message }: RuleInfo, action: safety.Action): safety.Finding => ({
  ...{ rule: id, category, action, message },
});

@RpcController(safety.SafetyDefinition)
export class SafetyRpc implements Handlers<typeof safety.SafetyDefinition> {
  #pieces = 0;

  constructor(
    @Inject(ActivePacks) private readonly active: ActivePacks,
    @Inject(WINDOWS) private readonly windows: Windows,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async check({ messages }: safety.CheckRequest): Promise<safety.CheckResponse> {
    const started = this.clock.monotonic();
    const { blocked, noted } = await checkMessages(messages, this.active, this.windows, () => setImmediate());
    checkSeconds.record((this.clock.monotonic() - started) / 1_000);
    if (blocked.length + noted.length === 0) return { action: Action.ALLOW, findings: NO_FINDINGS };
    countFindings(blocked, 'block', 'input');
    countFindings(noted, 'allow', 'input');
    return {
      action: blocked.length > 0 ? Action.BLOCK : Action.ALLOW,
      findings: [
        ...blocked.map((rule) => finding(rule, Action.BLOCK)),
        ...noted.map((rule) => finding(rule, Action.ALLOW)),
      ],
    };
  }

  async guard({ state, text, final }: safety.GuardRequest): Promise<safety.GuardResponse> {
    // Two readings of the clock and a record would cost as much as a short piece itself.
    const measured = (this.#pieces = (this.#pieces + 1) & 63) === 0;
    const started = measured ? this.clock.monotonic() : 0;
    const { release, position, found } = guardPiece(this.active.triggers, state, text, final);
    if (measured) guardSeconds.record((this.clock.monotonic() - started) / 1_000);
    if (found.length === 0) return { release, state: position, action: Action.ALLOW, findings: NO_FINDINGS };
    countFindings(found, 'redact', 'output');
    return {
      ...{ release, state: position, action: Action.REDACT },
      findings: found.map((rule) => finding(rule, Action.REDACT)),
    };
  }
}
