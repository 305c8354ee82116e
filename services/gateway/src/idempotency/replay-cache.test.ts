import { describe, expect, it } from '@jest/globals';
import { ReplayCache } from './replay-cache.ts';

const replay = (size: number) => ({
  digest: 'd',
  answer: { status: 200, headers: [], body: new Uint8Array(size) },
});

describe('the cache of answers', () => {
  it('forgets the least recently used when it holds more bytes than it may', () => {
    const cache = new ReplayCache(10_000);
    cache.set('a', replay(3_000), 100);
    cache.set('b', replay(3_000), 100);
    expect(cache.get('a', 0)).toBeDefined();
    cache.set('c', replay(3_000), 100);
    expect(['a', 'b', 'c'].filter((key) => cache.get(key, 0))).toEqual(['a', 'c']);
    cache.set('huge', replay(20_000), 100);
    expect(['a', 'c', 'huge'].filter((key) => cache.get(key, 0))).toEqual([]);
    cache.set('a', replay(9_000 - 1_024), 100);
    cache.set('a', replay(9_000 - 1_024), 100);
    expect(cache.get('a', 0)).toBeDefined();
  });

  it('forgets what has expired', () => {
    const cache = new ReplayCache(10_000);
    cache.set('a', replay(1), 100);
    expect(cache.get('a', 99)).toBeDefined();
    expect(cache.get('a', 100)).toBeUndefined();
  });
});
