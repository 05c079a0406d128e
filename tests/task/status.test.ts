import { describe, expect, it } from '@jest/globals';
import {
  canMove,
  FINAL_STATUSES,
  isFinal,
  isWaiting,
  LIVE_STATUSES,
  RUN_STATUSES,
  TRANSITIONS,
} from '../../src/task/status.js';

describe('the transitions', () => {
  it('are exactly those of the design', () => {
    const steps = RUN_STATUSES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} → ${to}`));
    expect(steps.toSorted()).toEqual(
      [
        'scheduled → queued',
        'scheduled → cancelled',
        'scheduled → failed',
        'queued → running',
        'queued → cancelled',
        'queued → failed',
        'running → completed',
        'running → failed',
        'running → retrying',
        'running → cancelling',
        'running → queued',
        'retrying → queued',
        'retrying → cancelled',
        'retrying → failed',
        'cancelling → cancelled',
      ].toSorted(),
    );
  });

  it('never leave a final status', () => {
    for (const from of FINAL_STATUSES) for (const to of RUN_STATUSES) expect(canMove(from, to)).toBe(false);
  });

  it('lead from every live status to a final one', () => {
    for (const start of LIVE_STATUSES) {
      const reached = new Set([start, ...TRANSITIONS[start]]);
      for (const status of reached) for (const next of TRANSITIONS[status]) reached.add(next);
      expect(FINAL_STATUSES.some((status) => reached.has(status))).toBe(true);
    }
  });

  it('never stay where they are', () => {
    for (const status of RUN_STATUSES) expect(canMove(status, status)).toBe(false);
  });
});

describe('a status', () => {
  it('is live or final, never both', () => {
    expect(RUN_STATUSES.filter(isFinal)).toEqual([...FINAL_STATUSES]);
    expect(new Set(RUN_STATUSES).size).toBe(8);
  });

  it('waits while no handler is called', () => {
    expect(RUN_STATUSES.filter(isWaiting)).toEqual(['scheduled', 'queued', 'retrying']);
  });
});
