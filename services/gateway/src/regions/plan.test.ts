import { describe, expect, it } from '@jest/globals';
import { peersFirst, type HomeOffer, type PeerOffer } from './plan.ts';

const home: HomeOffer = { up: true, has: true, refuses: false, ttftMs: 100, usualMs: 100 };
const near: PeerOffer = { name: 'near', up: true, has: true, refuses: false, ttftMs: 100, rttMs: 10 };
const far: PeerOffer = { ...near, name: 'far', rttMs: 150 };

describe('where a request goes first', () => {
  it.each([
    ['home, when all are alike', {}, [near, far], []],
    ['home, without peers', { up: false }, [], []],
    ['home, when a peer is sooner by less than the margin', { ttftMs: 300 }, [near], []],
    ['the sooner peer, when home is slow', { ttftMs: 1_000 }, [far, near], ['near', 'far']],
    ['home, when nobody knows how soon it is', { ttftMs: undefined }, [{ ...near, ttftMs: 1 }], []],
    ['an idle peer, taken to be as home usually is', { ttftMs: 2_000 }, [{ ...near, ttftMs: undefined }], ['near']],
    ['home, when the peer queues as well', { ttftMs: 2_000 }, [{ ...near, ttftMs: 2_500 }], []],
    ['the peers, nearest first, when home is not ready', { up: false }, [far, near], ['near', 'far']],
    ['the peers, when home would refuse', { refuses: true }, [near], ['near']],
    [
      'a peer that does not say what it has, when home is not ready',
      { up: false },
      [{ ...near, has: undefined }],
      ['near'],
    ],
    ['the peer that has the model, when home has not', { has: false }, [{ ...near, has: false }, far], ['far']],
    ['home, when it is not known who has the model', { has: false }, [{ ...near, has: undefined }], []],
    ['no peer that is down', { up: false }, [{ ...near, up: false }, far], ['far']],
    ['no peer that would refuse', { refuses: true }, [{ ...near, refuses: true }], []],
    ['no peer without the model', { refuses: true }, [{ ...near, has: false }], []],
  ] as [string, Partial<HomeOffer>, PeerOffer[], string[]][])('%s', (_what, over, peers, first) => {
    expect(peersFirst({ ...home, ...over }, peers, 200)).toEqual(first);
  });
});
