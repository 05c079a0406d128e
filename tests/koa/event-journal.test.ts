import { describe, expect, it } from '@jest/globals';
import { EventJournal } from '../../src/koa/event-journal.js';
import type { RunEvent } from '../../src/task/run-event.js';

function event(seq: number): RunEvent {
  return { type: 'run:queued', seq, at: 0, runId: 'r', task: null, tags: [], status: 'queued', attempt: 0 };
}

function filled(count: number, frame = 'x'): EventJournal {
  const journal = new EventJournal();
  for (let seq = 0; seq < count; seq += 1) journal.append({ event: event(seq), frame });
  return journal;
}

describe('EventJournal', () => {
  it('keeps at least the last 1,000 events and at most 2,000', () => {
    for (const count of [999, 1_999, 2_000, 12_345]) {
      const journal = filled(count);
      expect(journal.end).toBe(count);
      const kept = journal.end - journal.first;
      expect(kept).toBeGreaterThanOrEqual(Math.min(count, 1_000));
      expect(kept).toBeLessThan(2_000);
      expect(journal.at(journal.first)?.event.seq).toBe(journal.first);
    }
  });

  it('keeps at most 1 MiB of them', () => {
    const journal = filled(1_000, 'x'.repeat(10_000));
    expect((journal.end - journal.first) * 10_000).toBeLessThanOrEqual(1_048_576);
    expect(journal.end - journal.first).toBeGreaterThan(40);
  });

  it('finds positions by what happened, also after it has dropped some', () => {
    const journal = filled(5_000);
    expect(journal.find(({ seq }) => seq > 4_990)).toBe(4_991);
    expect(journal.find(({ seq }) => seq > 9_999)).toBe(5_000);
  });

  it('leaves everybody behind when events are lost', () => {
    const journal = filled(3);
    journal.lose();
    expect(journal.first).toBe(4);
    expect(journal.end).toBe(4);
  });

  it('tells its readers of events and of its end, once', () => {
    const journal = new EventJournal();
    let woken = 0;
    const reader = { wake: () => (woken += 1) };
    journal.subscribe(reader);
    journal.append({ event: event(1), frame: '' });
    journal.close();
    journal.close();
    expect([woken, journal.ended]).toEqual([2, true]);
    journal.unsubscribe(reader);
    expect(journal.readers).toBe(0);
  });
});
