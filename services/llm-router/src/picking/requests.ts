import type { router } from '@flotilla/contracts';
import type { Target } from '../providers/target.ts';
import { promptChain, type PromptChain } from './prompt-chain.ts';

/** A try of a request on an engine. */
export interface Try {
  readonly target: Target;
  readonly beganAt: number;
  /** What the engine has to read; see EndpointLatency. */
  readonly work: number;
  readonly ahead: number;
  /** The engine was on trial, and this is what decides. */
  readonly trial: boolean;
  firstToken: boolean;
}

/** What the picker remembers of a request, for as long as anybody holds it. */
export interface Remembered {
  /** Made when there is a choice to make. */
  chain: PromptChain | undefined;
  /** What was picked last, and how many characters of the prompt it should hold. */
  expected: { readonly target: Target; readonly held: number } | undefined;
  /** Under way. */
  readonly tries: Try[];
}

export class Requests {
  readonly #remembered = new WeakMap<router.GenerateRequest, Remembered>();

  of(request: router.GenerateRequest): Remembered {
    const known = this.#remembered.get(request);
    if (known) return known;
    const made: Remembered = { chain: undefined, expected: undefined, tries: [] };
    this.#remembered.set(request, made);
    return made;
  }

  /** The prompt's hashes. `isolated`: those of one organisation mean nothing to another. */
  chain(request: router.GenerateRequest, isolated: boolean): PromptChain {
    const remembered = this.of(request);
    return (remembered.chain ??= promptChain(request, isolated ? (request.caller?.orgId ?? '') : ''));
  }

  expect(request: router.GenerateRequest, target: Target, held: number): void {
    this.of(request).expected = { target, held };
  }

  /** Ends the memory of the try on this target. */
  take(request: router.GenerateRequest | undefined, target: Target): Try | undefined {
    const tries = request && this.#remembered.get(request)?.tries;
    const at = tries ? tries.findIndex((one) => one.target === target) : -1;
    return at < 0 ? undefined : tries!.splice(at, 1)[0];
  }

  find(request: router.GenerateRequest | undefined, target: Target): Try | undefined {
    return request && this.#remembered.get(request)?.tries.find((one) => one.target === target);
  }
}
