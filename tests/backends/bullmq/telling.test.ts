import { afterEach, describe, expect, it } from '@jest/globals';

import type { FleetRun, RunState } from '../../../src/backends/bullmq/runs/fleet-run.js';
import type { ReadRuns } from '../../../src/backends/bullmq/telling/following.js';
import { Telling } from '../../../src/backends/bullmq/telling/telling.js';
import type { Run } from '../../../src/task/run.js';
import type { RunChange, RunEvent } from '../../../src/task/run-event.js';
import { FakeClock, settle } from '../../fake-clock.js';
import { until } from '../../until.js';
import { FakeWire, fleetRun } from './fleet-fakes.js';

const open: Telling[] = [];
afterEach(() => {
  for (const telling of open.splice(0)) telling.close();
});

/** Two processes, what they tell one another, and the runs that both can read. */
class Fleet {
  readonly clock = new FakeClock();
  readonly wire = new FakeWire();
  /** By id. */
  readonly stored = new Map<string, FleetRun>();
  readonly held = new Set<string>();
  reads: string[][] = [];
  failing = false;
  /** The ids of runs that cannot be read. */
  readonly garbled = new Set<string>();
  readonly one = this.#telling('one');
  readonly two = this.#telling('two');

  #telling(processId: string): Telling {
    const telling = new Telling({
      clock: this.clock,
      server: this.wire.server(processId),
      read: (ids) => this.#read(ids),
      holds: (jobId) => this.held.has(jobId),
    });
    open.push(telling);
    return telling;
  }

  async #read(ids: readonly string[]): Promise<ReadRuns> {
    this.reads.push([...ids]);
    if (this.failing) throw new Error('no answer');
    const unread = ids.filter((id) => this.garbled.has(id));
    const runs = ids.flatMap((id) => (this.garbled.has(id) ? [] : (this.stored.get(id) ?? [])));
    return Promise.resolve({ runs, unread });
  }

  /** The run is kept like that, and the first process tells so. */
  change(run: FleetRun, state: Partial<RunState>, change: RunChange): FleetRun {
    const changed = fleetRun(run.id, { ...run.state, version: run.state.version + 1, ...state }, run.origin.jobId);
    this.stored.set(run.id, changed);
    this.one.tell(changed, change);
    if (change.type === 'run:completed') this.one.ended(changed);
    return changed;
  }

  complete(run: FleetRun): FleetRun {
    const state = { status: 'completed', active: false, finishedAt: 7, result: 'done' } as const;
    return this.change(run, state, { type: 'run:completed' });
  }

  /** Until it is known by all who listens. */
  async heard(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await settle();
  }

  async ticks(n: number): Promise<void> {
    for (let tick = 0; tick < n; tick++) {
      this.clock.advance(250);
      await settle();
    }
  }
}

const START = { status: 'running', attempt: 1 } as const;

describe('events', () => {
  it('are told to those who listen in every process, once, in their order', async () => {
    const fleet = new Fleet();
    const told: Record<string, string[]> = { one: [], two: [] };
    fleet.one.subscribe(null, ({ type }) => told['one']?.push(type));
    fleet.two.subscribe(null, ({ type }) => told['two']?.push(type));
    await fleet.heard();
    const run = fleetRun('a');
    fleet.one.tell(run, { type: 'run:queued' });
    const started = fleet.change(run, START, { type: 'run:started' });
    expect(told['one']).toEqual(['run:queued', 'run:started']);
    fleet.complete(started);
    await fleet.heard();
    expect(told['two']).toEqual(['run:queued', 'run:started', 'run:completed']);
    expect(told['one']).toEqual(told['two']);
  });

  it('of one turn are one message', async () => {
    const fleet = new Fleet();
    fleet.two.subscribe(null, () => undefined);
    await fleet.heard();
    for (let n = 0; n < 50; n++) fleet.one.tell(fleetRun(`r${n}`), { type: 'run:queued' });
    await fleet.heard();
    expect(fleet.wire.sent.filter(({ type }) => type === 'events')).toHaveLength(1);
  });

  it('that are large are many messages', async () => {
    const fleet = new Fleet();
    fleet.two.subscribe(null, () => undefined);
    await fleet.heard();
    const message = 'x'.repeat(8_192);
    for (let n = 1; n <= 50; n++)
      fleet.one.tell(fleetRun('a', { version: n }), { type: 'run:log', level: 'info', message });
    await fleet.heard();
    const sent = fleet.wire.sent.filter(({ type }) => type === 'events');
    for (const each of sent) expect(JSON.stringify(each).length).toBeLessThan(85_000);
    expect(sent.length).toBeGreaterThan(4);
  });

  it('are sent to nobody where nobody listens, or does any more', async () => {
    const fleet = new Fleet();
    fleet.one.tell(fleetRun('a'), { type: 'run:queued' });
    const unsubscribe = fleet.two.subscribe(null, () => undefined);
    await fleet.heard();
    unsubscribe();
    await fleet.ticks(25);
    await fleet.heard();
    fleet.one.tell(fleetRun('b'), { type: 'run:queued' });
    await fleet.heard();
    expect(fleet.wire.sent.map(({ type }) => type)).toEqual(['listening', 'listening', 'listening']);
    expect(fleet.wire.sent.at(-1)).toMatchObject({ forMs: 0 });
    expect(fleet.clock.pending).toBe(0);
  });

  it('that are older than what was told are dropped, wherever they come from', async () => {
    const fleet = new Fleet();
    const told: number[] = [];
    fleet.two.subscribe(null, ({ seq }) => told.push(seq));
    await fleet.heard();
    fleet.one.tell(fleetRun('a', { ...START, version: 5 }), { type: 'run:started' });
    await fleet.heard();
    fleet.one.tell(fleetRun('a', { ...START, version: 4 }), { type: 'run:queued' });
    fleet.two.tell(fleetRun('a', { ...START, version: 5 }), { type: 'run:queued' });
    await fleet.heard();
    expect(told).toEqual([5]);
  });

  it('that were told before somebody listened are not told to them', async () => {
    const fleet = new Fleet();
    const told: string[] = [];
    fleet.two.subscribe(null, () => undefined);
    await fleet.heard();
    fleet.one.tell(fleetRun('a'), { type: 'run:queued' });
    fleet.one.subscribe(null, ({ type }) => told.push(type));
    await fleet.heard();
    expect(told).toEqual([]);
  });

  it('of one run come only to those who listen to it, until they unsubscribe', async () => {
    const fleet = new Fleet();
    const told: string[] = [];
    const run = fleetRun('a');
    const unsubscribe = fleet.two.subscribe(run, ({ runId, type }) => told.push(`${runId} ${type}`));
    await fleet.heard();
    fleet.one.tell(fleetRun('b', { version: 9 }), { type: 'run:queued' });
    const started = fleet.change(run, START, { type: 'run:started' });
    await fleet.heard();
    unsubscribe();
    unsubscribe();
    fleet.complete(started);
    await fleet.heard();
    expect(told).toEqual(['a run:started']);
  });
});

describe('whoever waits in another process', () => {
  it('is told the run as it was kept, as soon as its end is told', async () => {
    const fleet = new Fleet();
    const ended: Run[] = [];
    const run = fleetRun('a');
    for (const moment of ['final', 'free'] as const) fleet.two.watch(run, moment, (end) => ended.push(end));
    await fleet.heard();
    fleet.complete(run);
    await fleet.heard();
    expect(ended.map(({ status, result }) => [status, result])).toEqual([
      ['completed', 'done'],
      ['completed', 'done'],
    ]);
    expect(fleet.reads).toEqual([['a']]);
  });

  it('is told when the handler has settled', async () => {
    const fleet = new Fleet();
    const told: string[] = [];
    const run = fleetRun('a', START);
    fleet.two.watch(run, 'final', ({ status }) => told.push(`final ${status}`));
    fleet.two.watch(run, 'free', ({ status }) => told.push(`free ${status}`));
    await fleet.heard();
    const cancel = { by: 'caller', reason: null, at: 5 };
    const state = { status: 'cancelled', abandoned: true, cancel } as const;
    const held = fleet.change(run, state, { type: 'run:cancelled', reason: null, abandoned: true });
    await fleet.heard();
    expect(told).toEqual(['final cancelled']);
    const freed = fleetRun('a', { ...held.state, active: false });
    fleet.stored.set('a', freed);
    fleet.one.freed(freed);
    await fleet.heard();
    expect(told).toEqual(['final cancelled', 'free cancelled']);
  });

  it('is told some seconds later where every message is lost', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    const events: RunEvent[] = [];
    const run = fleetRun('a');
    fleet.wire.losing = true;
    fleet.stored.set('a', run);
    fleet.two.watch(run, 'final', ({ status }) => ended.push(status));
    fleet.two.subscribe(run, (event) => events.push(event));
    await fleet.ticks(5);
    const started = fleet.change(run, START, { type: 'run:started' });
    await fleet.ticks(25);
    expect(events.map(({ type }) => type)).toEqual(['run:started']);
    fleet.complete(started);
    await fleet.ticks(25);
    expect(ended).toEqual(['completed']);
    expect(events.map(({ type }) => type)).toEqual(['run:started', 'run:completed']);
  });

  it('is told as soon as the connection is back', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    const run = fleetRun('a');
    fleet.wire.losing = true;
    fleet.two.watch(run, 'final', ({ status }) => ended.push(status));
    fleet.complete(run);
    fleet.wire.back();
    await fleet.heard();
    expect(ended).toEqual(['completed']);
  });

  it('is told although a read has failed', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    const run = fleetRun('a');
    fleet.two.watch(run, 'final', ({ status }) => ended.push(status));
    await fleet.heard();
    fleet.failing = true;
    fleet.complete(run);
    await fleet.heard();
    fleet.failing = false;
    await fleet.ticks(1);
    expect(ended).toEqual(['completed']);
  });

  it('is told how it ended also where another run that is read with it cannot be read', async () => {
    const fleet = new Fleet();
    const [a, b] = [fleetRun('a'), fleetRun('b')];
    const ended: string[] = [];
    for (const run of [a, b]) {
      fleet.two.watch(run, 'final', ({ id }) => ended.push(id));
      fleet.stored.set(run.id, fleetRun(run.id, { version: 1, status: 'completed', active: false }));
    }
    fleet.garbled.add('a');
    await fleet.ticks(4);
    expect(ended).toEqual(['b']);
    expect(fleet.reads.length).toBeLessThan(5);
    fleet.garbled.clear();
    await fleet.ticks(1);
    expect(ended).toEqual(['b', 'a']);
  });

  it.each([
    ['is gone', undefined],
    ['was replaced', fleetRun('a', { version: 2 ** 24 }, 'job-of-the-next')],
  ])('is told so where the record %s', async (_what, stored) => {
    const fleet = new Fleet();
    const ended: Run[] = [];
    fleet.two.watch(fleetRun('a'), 'final', (run) => ended.push(run));
    if (stored) fleet.stored.set('a', stored);
    await fleet.ticks(30);
    expect(ended).toMatchObject([{ status: 'failed', error: { code: 'RUN_NOT_FOUND' } }]);
  });

  it('for many runs that wait has few of them read at a time', async () => {
    const fleet = new Fleet();
    for (let n = 0; n < 2_000; n++) {
      const run = fleetRun(`r${n}`);
      fleet.stored.set(run.id, run);
      fleet.two.watch(run, 'final', () => undefined);
    }
    await fleet.ticks(10);
    expect(fleet.reads.flat().length).toBeLessThanOrEqual(500 + 10 * 50);
    await fleet.ticks(30);
    expect(new Set(fleet.reads.flat()).size).toBe(2_000);
    fleet.reads = [];
    await fleet.ticks(40);
    expect(fleet.reads.flat().length).toBeLessThanOrEqual(40 * 50);
  });

  it('for many runs that have ended unheard is told within seconds', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    for (let n = 0; n < 2_000; n++) {
      const run = fleetRun(`r${n}`);
      fleet.stored.set(run.id, fleetRun(run.id, { status: 'completed', version: 9, active: false }));
      fleet.two.watch(run, 'final', ({ id }) => ended.push(id));
    }
    await fleet.ticks(10);
    expect(ended).toHaveLength(2_000);
  });

  it('only after it was told of the end is told at once', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    const run = fleetRun('a');
    fleet.two.subscribe(null, () => undefined);
    await fleet.heard();
    fleet.complete(fleetRun('a'));
    await fleet.heard();
    fleet.two.watch(run, 'final', ({ status }) => ended.push(status));
    await fleet.heard();
    expect(ended).toEqual(['completed']);
  });
});

describe('whoever waits in the process that holds the run', () => {
  it('is told in the same turn, and nothing is read', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    const run = fleetRun('a', START);
    fleet.held.add(run.origin.jobId);
    fleet.one.watch(run, 'final', ({ status }) => ended.push(status));
    await fleet.ticks(30);
    fleet.complete(run);
    expect(ended).toEqual(['completed']);
    expect(fleet.reads).toEqual([]);
  });

  it('only after the end is told at once', async () => {
    const fleet = new Fleet();
    const ended: string[] = [];
    const asAccepted = fleetRun('a');
    fleet.held.add(asAccepted.origin.jobId); // its lease is let go of a little later
    fleet.complete(fleetRun('a'));
    fleet.one.watch(asAccepted, 'final', ({ status }) => ended.push(status));
    await fleet.heard();
    expect(ended).toEqual(['completed']);
  });

  it('for what has passed is told in the same turn', () => {
    const fleet = new Fleet();
    const told: string[] = [];
    const run = fleetRun('a', { status: 'failed', abandoned: true });
    fleet.one.watch(run, 'final', () => told.push('final'));
    fleet.one.watch(run, 'free', () => told.push('free'));
    expect(told).toEqual(['final']);
  });

  it('and no longer waits is not told', () => {
    const fleet = new Fleet();
    const told: string[] = [];
    const run = fleetRun('a', START);
    const watchers = ['x', 'y'].map((name) => () => void told.push(name));
    for (const watcher of watchers) fleet.one.watch(run, 'final', watcher);
    fleet.one.unwatch(run, 'final', watchers[0] ?? (() => undefined));
    fleet.complete(run);
    expect(told).toEqual(['y']);
  });

  it('is told how the run is when the backend closes, and no timer is left', async () => {
    const fleet = new Fleet();
    const told: string[] = [];
    fleet.one.watch(fleetRun('a', START), 'final', ({ status }) => told.push(status));
    fleet.one.close();
    expect(told).toEqual(['running']);
    expect(fleet.clock.pending).toBe(0);
    await until(() => fleet.wire.sent.at(-1)?.type === 'listening');
  });
});
