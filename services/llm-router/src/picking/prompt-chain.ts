import type { router } from '@flotilla/contracts';

/** Up to here every character counts: 16 Ki characters, about 4,000 tokens. */
const exactCharacters = 16_384;
const exactBlock = 256;
/** After that of each longer block its first characters do: where conversations differ, they differ there as well. */
const sampledBlock = 2_048;
const sampledCharacters = 64;
/** 64 exact blocks and 192 sampled ones: about 400,000 characters, 100,000 tokens. */
const maxBlocks = 256;
/** Prompts that agree so far are sent to the same place while nobody knows them. */
const coldBlocks = 16;

/** The prompt as a chain of hashes: each stands for all that comes before its end. */
export interface PromptChain {
  /** Two halves of 32 bits of each block. */
  readonly hashes: Uint32Array;
  readonly blocks: number;
  /** Characters, as far as blocks reach. */
  readonly characters: number;
  /** What stands for the prompt while nobody knows any of it. */
  readonly coldKey: number;
}

/** Looked up once: a global is dear where code runs in a context of its own, as tests do. */
const { imul } = Math;
const scratch = new Uint32Array(2 * maxBlocks);

/** Characters up to the end of so many blocks. */
export function charactersIn(blocks: number): number {
  const exact = exactCharacters / exactBlock;
  return blocks <= exact ? blocks * exactBlock : exactCharacters + (blocks - exact) * sampledBlock;
}

/**
 * The chain of a prompt: rotated and multiplied, two characters at a time in two lanes, and stirred at the end of each block
 * with MurmurHash3's finaliser. ~0.5 ns a character; no prompt takes more than 28,672 of them.
 */
export function promptChain({ messages }: router.GenerateRequest, seed: string): PromptChain {
  const chain = new Chain();
  chain.feed(seed);
  chain.begin();
  for (const { role, content, partsJson, toolCallsJson } of messages) {
    chain.feed(role);
    chain.feed(partsJson || content);
    if (toolCallsJson) chain.feed(toolCallsJson);
    if (chain.blocks === maxBlocks) break;
  }
  return chain.finish();
}

/** Two characters each. */
const words = new Uint32Array(exactCharacters / 2);
const bytes = Buffer.from(words.buffer);

/** Puts the beginning of a text into `words`: three times as fast as to ask for each character. Returns how many it put. */
function copy(text: string): number {
  return bytes.write(text.length > exactCharacters ? text.slice(0, exactCharacters) : text, 'utf16le') / 2;
}

function mixed(hash: number, word: number): number {
  return imul(((hash << 13) | (hash >>> 19)) ^ word, 0x9e3779b1);
}

class Chain {
  blocks = 0;
  #a = 0x811c9dc5 | 0;
  #b = 0x01000193;
  #coldKey: number | undefined;
  /** Characters in the block under way. */
  #filled = 0;

  feed(text: string): void {
    let [a, b, at] = [this.#a, this.#b, 0];
    const copied = this.blocks * exactBlock < exactCharacters ? copy(text) : 0;
    while (at < text.length && this.blocks < maxBlocks) {
      const exact = this.blocks * exactBlock < exactCharacters;
      const size = exact ? exactBlock : sampledBlock;
      const counted = exact ? exactBlock : sampledCharacters;
      const take = Math.min(size - this.#filled, text.length - at);
      const end = at + Math.max(0, Math.min(take, counted - this.#filled));
      let i = at;
      if (end <= copied) {
        if (i < end && i % 2 === 1) a = mixed(a, text.charCodeAt(i++));
        for (; i + 3 < end; i += 4) {
          a = mixed(a, words[i >> 1]!);
          b = mixed(b, words[(i >> 1) + 1]!);
        }
      }
      for (; i < end; i += 1) a = mixed(a, text.charCodeAt(i));
      at += take;
      this.#filled += take;
      if (this.#filled < size) continue;
      a = stir(a ^ imul(b, 0x9e3779b1));
      b = stir(b + imul(a, 0x85ebca6b));
      scratch[2 * this.blocks] = a;
      scratch[2 * this.blocks + 1] = b;
      this.blocks += 1;
      this.#filled = 0;
      if (this.blocks === coldBlocks) this.#coldKey = a >>> 0;
    }
    this.#a = a;
    this.#b = b;
  }

  /** What was fed so far is part of every hash and of no block. */
  begin(): void {
    this.blocks = 0;
    this.#filled = 0;
  }

  finish(): PromptChain {
    return {
      hashes: scratch.slice(0, 2 * this.blocks),
      blocks: this.blocks,
      characters: charactersIn(this.blocks) + this.#filled,
      coldKey: this.#coldKey ?? stir(this.#a ^ imul(this.#b, 0x9e3779b1)) >>> 0,
    };
  }
}

/** MurmurHash3's 32-bit finaliser (Austin Appleby, public domain). */
export function stir(hash: number): number {
  let mixed = imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
