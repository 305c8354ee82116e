import { router } from '@flotilla/contracts';
import type { Random } from '@flotilla/kernel';

/** Tokens of a block of the engines' caches. */
export const blockTokens = 80;
const charactersPerToken = 4;

/** One prompt of the load: what engines see of it, and what the router does. */
export interface Prompt {
  readonly group: number;
  readonly index: number;
  readonly tokens: number;
  /** A number for each full block, equal where the tokens are. */
  readonly blocks: readonly number[];
  readonly text: string;
}

export interface LoadShape {
  readonly groups: number;
  readonly promptsPerGroup: number;
  readonly sharedTokens: number;
  readonly ownTokens: number;
  /** How often each prompt is asked. */
  readonly rounds: number;
  readonly requestsPerSecond: number;
}

export interface Arrival {
  readonly atMs: number;
  readonly prompt: Prompt;
}

/** Prompts that share their beginning within a group, all asked in an order by chance, at times by chance (Poisson). */
export function sharedPrefixLoad(shape: LoadShape, random: Random): Arrival[] {
  const prompts: Prompt[] = [];
  for (let group = 0; group < shape.groups; group += 1) {
    const shared = { text: text(shape.sharedTokens, random), blocks: blocks(shape.sharedTokens, random) };
    for (let own = 0; own < shape.promptsPerGroup; own += 1) {
      prompts.push({
        group,
        index: prompts.length,
        tokens: shape.sharedTokens + shape.ownTokens,
        blocks: [...shared.blocks, ...blocks(shape.ownTokens, random)],
        // In one piece, as what is read from a socket is.
        text: Buffer.from(shared.text + text(shape.ownTokens, random)).toString(),
      });
    }
  }
  let atMs = 0;
  return Array.from({ length: shape.rounds }, () => shuffled(prompts, random))
    .flat()
    .map((prompt) => {
      atMs += (-Math.log(1 - random.next()) / shape.requestsPerSecond) * 1_000;
      return { atMs, prompt };
    });
}

/** The share of prompt tokens that one endless cache would have held: what no routing can exceed. */
export function bestHitRate(arrivals: readonly Arrival[]): number {
  const seen = new Set<number>();
  let [hit, asked] = [0, 0];
  for (const { prompt } of arrivals) {
    let matched = 0;
    while (matched < prompt.blocks.length && seen.has(prompt.blocks[matched]!)) matched += 1;
    // The last token is always computed.
    hit += Math.min(matched * blockTokens, Math.floor((prompt.tokens - 1) / blockTokens) * blockTokens);
    asked += prompt.tokens;
    for (const block of prompt.blocks) seen.add(block);
  }
  return hit / asked;
}

/** What the router is asked. */
export function requestFor({ text: content }: Prompt): router.GenerateRequest {
  return router.GenerateRequest.fromPartial({ model: 'm', stream: true, messages: [{ role: 'user', content }] });
}

function text(tokens: number, random: Random): string {
  let made = '';
  while (made.length < tokens * charactersPerToken) made += `${random.next().toString(36).slice(2, 9)} `;
  return made.slice(0, tokens * charactersPerToken);
}

function blocks(tokens: number, random: Random): number[] {
  return Array.from({ length: Math.floor(tokens / blockTokens) }, () => Math.floor(random.next() * 2 ** 52));
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const mixed = [...values];
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const other = Math.floor(random.next() * (i + 1));
    [mixed[i], mixed[other]] = [mixed[other]!, mixed[i]!];
  }
  return mixed;
}
