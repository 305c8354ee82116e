import { describe, expect, it } from '@jest/globals';
import { createSeededRandom } from '@flotilla/testkit';
import { createMatch, PrefixTable } from './prefix-table.ts';
import { asking, createPicking, idOf, resolution, target } from './picking.fixture.ts';
import { charactersIn, promptChain } from './prompt-chain.ts';

const letters = (count: number, letter = 'a') => letter.repeat(count);
const common = (one: Uint32Array, other: Uint32Array) => {
  let blocks = 0;
  while (blocks * 2 < one.length && one[2 * blocks] === other[2 * blocks]) blocks += 1;
  return blocks;
};

describe('the chain of a prompt', () => {
  const chainOf = (text: string) => promptChain(asking(text), '');

  it('is the same up to the block in which prompts differ, and not after it', () => {
    const [one, other] = [chainOf(letters(2_000)), chainOf(letters(1_100) + letters(900, 'b'))];
    expect(one.blocks).toBe(7);
    expect(common(one.hashes, other.hashes)).toBe(4);
  });

  it('is of another kind for each organisation where they are kept apart', () => {
    const request = asking(letters(1_000));
    expect(common(promptChain(request, 'one').hashes, promptChain(request, 'two').hashes)).toBe(0);
  });

  it('reaches far into long prompts with few hashes', () => {
    const { blocks, characters } = chainOf(letters(1_000_000));
    expect(blocks).toBe(256);
    expect(characters).toBe(charactersIn(256));
    expect(characters).toBeGreaterThan(400_000);
  });
});

describe('the table of prefixes', () => {
  it('finds a hundred thousand prefixes again, all but a few', () => {
    const [table, match, random] = [new PrefixTable(), createMatch(), createSeededRandom(1)];
    const word = () => Math.floor(random.next() * 2 ** 32);
    const prefixes = Array.from({ length: 100_000 }, () => Uint32Array.of(word(), word()));
    for (const hashes of prefixes) table.add(hashes, 1);
    let found = 0;
    for (const hashes of prefixes) {
      table.match(hashes, match);
      found += match.count;
    }
    expect(found).toBeGreaterThan(99_000);
  });

  it('replaces what was used longest ago, and says who holds how much', () => {
    const [table, match] = [new PrefixTable(8), createMatch()];
    for (let i = 1; i <= 9; i += 1) table.add(Uint32Array.of(i, i), i);
    table.match(Uint32Array.of(1, 1), match);
    expect(match.count).toBe(0);
    table.add(Uint32Array.of(9, 9, 8, 8), 5);
    table.match(Uint32Array.of(9, 9, 8, 8), match);
    const held = Array.from({ length: match.count }, (_, i) => [match.numbers[i], match.blocks[i]]);
    expect(held.sort()).toEqual([
      [5, 2],
      [8, 2],
      [9, 1],
    ]);
  });
});

describe('prompts with a beginning in common', () => {
  const targets = () => Array.from({ length: 4 }, (_, i) => target(`e${i}`));
  const shared = letters(8_000);

  it('go to the engine that has it, until it is much busier than the others', () => {
    const { picker } = createPicking();
    const model = resolution([[1, targets()]]);
    const send = (text: string) => {
      const request = asking(text);
      const picked = picker.pick(model, [], request)!;
      picker.began(picked, request);
      return idOf(picked);
    };
    const first = send(`${shared}0`);
    expect([send(`${shared}1`)]).toEqual([first]);
    const all = Array.from({ length: 40 }, (_, i) => send(`${shared}${i}`));
    const share = all.filter((one) => one === first).length / all.length;
    expect(share).toBeLessThan(0.6);
  });

  it('are not sought where the engine was away meanwhile', () => {
    const { picker } = createPicking();
    const engines = targets();
    const model = resolution([[1, engines]]);
    const request = asking(`${shared}0`);
    const picked = picker.pick(model, [], request)!;
    picker.began(picked, request);
    const { endpoint } = picked;
    expect(endpoint.residents.size).toBe(1);
    endpoint.facts = { ...endpoint.facts, ready: false };
    endpoint.facts = { ...endpoint.facts, ready: true };
    expect(endpoint.residents.size).toBe(0);
  });

  it('go to one of two engines that the prompt itself names while nobody knows it, whoever asks', () => {
    const places = Array.from({ length: 20 }, (_, i) => {
      const { picker } = createPicking();
      const picked = picker.pick(resolution([[1, targets()]]), [], asking(`${shared}${i}`));
      return idOf(picked);
    });
    expect(new Set(places).size).toBe(1);
  });
});
