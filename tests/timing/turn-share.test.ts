import { describe, expect, it } from '@jest/globals';
import { TURN_MS } from '../../src/timing/next-turn.js';
import { TurnShare } from '../../src/timing/turn-share.js';

/** Does pieces of work that take so long each until the share is used up; tells how many, and how often the time was read. */
function work(durationsMs: (piece: number) => number) {
  let now = 0;
  let reads = 0;
  const share = new TurnShare(() => {
    reads += 1;
    return now;
  });
  share.renew();
  let pieces = 0;
  do {
    now += durationsMs(pieces);
    pieces += 1;
  } while (!share.isOver());
  return { pieces, reads, tookMs: now };
}

describe('a share of a turn', () => {
  it.each([3, 10, 1_000])('is used up soon after its time where each piece takes %d ms', (pieceMs) => {
    expect(work(() => pieceMs).tookMs).toBeLessThanOrEqual(TURN_MS + pieceMs);
  });

  it('has many short pieces, and the time is read once for some of them', () => {
    const { pieces, reads, tookMs } = work(() => 0.01);
    expect(tookMs).toBeLessThan(TURN_MS + 1);
    expect(pieces).toBeGreaterThan(900);
    expect(reads).toBeLessThan(pieces / 7);
  });

  it('is used up after a few slow pieces that follow many fast ones', () => {
    const { pieces } = work((piece) => (piece < 100 ? 0.01 : 10));
    expect(pieces).toBeLessThan(100 + 10);
  });

  it('begins anew with each turn, and then the time is read for the first piece', () => {
    let now = 0;
    const share = new TurnShare(() => now);
    for (let turn = 0; turn < 3; turn += 1) {
      share.renew();
      now += TURN_MS;
      expect(share.isOver()).toBe(false);
      now += 1;
      expect(share.isOver()).toBe(true);
    }
  });
});
