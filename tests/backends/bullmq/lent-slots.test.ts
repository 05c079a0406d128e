import assert from 'node:assert/strict';
import { describe, it } from '@jest/globals';
import { FleetLease } from '../../../src/backends/bullmq/delivering/fleet-lease.js';
import type { Backend } from '../../../src/ports/backend.js';
import { until } from '../../../src/testing/contract/assertions.js';
import type { Delivery } from '../../../src/testing/contract/delivery.js';
import { REQUEST } from '../../../src/testing/contract/samples.js';
import { until as patiently } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import type { Member } from './fleet-member.js';
import { Fleet, type MemberOptions } from './fleet.js';

const grounds = await fleetGrounds();
const LONG_LOCK = { lockMs: 10_000 };
const ONE = { concurrency: 1 };
const NEVER = new AbortController().signal;

async function lend({ backend }: { readonly backend: Backend }, { lease }: Delivery): Promise<void> {
  await backend.lend?.(lease);
}

async function takeBack(
  { backend }: { readonly backend: Backend },
  { lease }: Delivery,
  signal = NEVER,
): Promise<void> {
  await backend.takeBack?.(lease, signal);
}

/** Of all members together, in the order in which they came. */
function begun(...members: Member[]): string[] {
  return members.flatMap(({ deliveries }) => deliveries.map(({ run }) => run.id));
}

/** The delivery of a run, whoever has it. */
async function delivered(id: string, ...members: Member[]): Promise<[Delivery, Member]> {
  const holder = () => members.find(({ deliveries }) => deliveries.some(({ run }) => run.id === id));
  await until(() => holder() !== undefined, `the delivery of ${id}`);
  const member = holder();
  assert(member);
  return [await member.delivery(id), member];
}

/** Whoever has a slot has looked for runs since. */
async function looked(...members: [Member, ...Member[]]): Promise<void> {
  for (const name of ['l1', 'l2', 'l3'].map((each) => `${each}-${Math.random().toString(36).slice(2)}`)) {
    await members[0].accept(name, { task: 'other' });
    const [other, member] = await delivered(name, ...members);
    await member.complete(other);
  }
}

async function settles(what: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => void (settled = true);
  what.then(note, note);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return settled;
}

const limitsOf = (task: string) => (task === 'other' ? {} : ONE);

describe.each(grounds)('on $name', (ground) =>
  ground.describe('a slot that was lent', () => {
    /** Two processes that work on a task of which one run may be at work, and a run that is. */
    const withParent = async (
      act: (parent: Delivery, holder: Member, other: Member, tell: (of: Delivery) => Promise<void>) => Promise<void>,
      { slots = 10, ...options }: MemberOptions & { readonly slots?: number } = LONG_LOCK,
    ): Promise<void> => {
      const fleet = new Fleet(ground);
      try {
        const [a, b] = [await fleet.join(options), await fleet.join(options)];
        a.work(slots, limitsOf);
        await a.accept('p');
        const parent = await a.delivery('p');
        b.work(10, limitsOf);
        await act(parent, a, b, async ({ lease }) => {
          assert(lease instanceof FleetLease);
          (await fleet.server()).publish({ type: 'lane', lane: lease.delivery.lane.name });
        });
      } finally {
        await fleet.close();
      }
    };

    it('is another run’s until it is wanted back, and that waits until the other has ended', () =>
      withParent(async (parent, a, b) => {
        await b.accept('c');
        await b.accept('later');
        await looked(a, b);
        assert.deepEqual(
          begun(a, b).filter((id) => id.length < 6),
          ['p'],
        );
        await lend(a, parent);
        const [child, holder] = await delivered('c', a, b);
        const back = takeBack(a, parent);
        assert.equal(await settles(back), false);
        await holder.complete(child);
        await back;
        await looked(a, b);
        assert(!begun(a, b).includes('later'));
        await a.complete(parent);
        await delivered('later', a, b);
      }));

    it('goes to whoever wants it back before any run that waits', () =>
      withParent(async (parent, a, b) => {
        for (const id of ['c1', 'c2', 'c3']) await b.accept(id);
        await lend(a, parent);
        const [child, holder] = await delivered('c1', a, b);
        const back = takeBack(a, parent);
        await settles(back);
        await holder.complete(child);
        await back;
        assert(!begun(a, b).includes('c2'));
      }));

    it('may be lent again in turn, as deep as one likes', () =>
      withParent(async (parent, a, b) => {
        const line: [Delivery, Member][] = [[parent, a]];
        for (const id of ['c1', 'c2', 'c3']) {
          const [lender, its] = line.at(-1) ?? [parent, a];
          await lend(its, lender);
          await b.accept(id);
          line.push(await delivered(id, a, b));
        }
        for (const [delivery, its] of line.reverse()) {
          await takeBack(its, delivery);
          assert.equal(await its.complete(delivery), true);
        }
      }));

    it('is taken, whoever is in it, where the wait for it is given up', () =>
      withParent(async (parent, a, b) => {
        await lend(a, parent);
        await b.accept('c');
        const [child, holder] = await delivered('c', a, b);
        const giving = new AbortController();
        const back = takeBack(a, parent, giving.signal);
        const reason = new Error('enough');
        giving.abort(reason);
        await assert.rejects(back, (error) => error === reason);
        await b.accept('later');
        await holder.complete(child);
        await looked(a, b);
        assert(!begun(a, b).includes('later'), 'the first is at work');
        await a.complete(parent);
        await delivered('later', a, b);
      }));

    const ends: readonly [string, (parent: Delivery, holder: Member) => Promise<unknown>][] = [
      ['completes', (parent, holder) => holder.complete(parent)],
      ['waits for its next attempt', (parent) => parent.retry(60_000)],
      ['is given back', (parent) => parent.settle({ type: 'interrupted', error: {} as never })],
      [
        'is cancelled',
        async (parent, holder) => {
          await holder.backend.cancel('p', REQUEST);
          await parent.settle({ type: 'cancelled' });
        },
      ],
    ];
    it.each(ends)('counts no more when its run %s', (_how, end) =>
      withParent(async (parent, a, b) => {
        await lend(a, parent);
        for (const id of ['c', 'later']) await b.accept(id, { priority: id === 'c' ? 9 : 0 });
        const [child, holder] = await delivered('c', a, b);
        await end(parent, a);
        await looked(a, b);
        assert(!begun(a, b).includes('later'));
        await holder.complete(child);
        const next = begun(a, b).filter((id) => id === 'p').length;
        await until(
          () => begun(a, b).includes('later') || begun(a, b).filter((id) => id === 'p').length > next,
          'more',
        );
      }),
    );

    it('counts as taken while a handler is at work whose attempt is over', () =>
      withParent(async (parent, a, b) => {
        await lend(a, parent);
        await parent.fail(true);
        await b.accept('later');
        await looked(a, b);
        assert(!begun(a, b).includes('later'));
        await parent.release();
        await delivered('later', a, b);
      }));

    it('is lent as soon as the server answers again', () =>
      withParent(
        async (parent, a, b) => {
          a.proxy.drop();
          await lend(a, parent);
          a.proxy.restore();
          await b.accept('c');
          await patiently(() => begun(a, b).includes('c')); // whichever process is quicker
        },
        { lockMs: 6_000 },
      ));

    it('goes with a process that dies: the limit is what it was', () =>
      withParent(
        async (parent, a, b, tell) => {
          await lend(a, parent);
          await b.accept('c', { priority: 9 });
          const child = await b.delivery('c');
          await b.accept('later', { priority: -9 });
          a.proxy.drop();
          await patiently(() => parent.losses === 1);
          // Its job waits again.
          await patiently(async () => (await b.status('p')) === 'queued');
          // Nobody is told of jobs that wait again: the lane is looked at.
          await tell(parent);
          await looked(b);
          assert.deepEqual(
            b.deliveries.map(({ run }) => run.id).filter((id) => id.length < 6),
            ['c'],
          );
          await b.complete(child);
          const again = await b.delivery('p');
          await looked(b);
          assert(!begun(b).includes('later'));
          await b.complete(again);
          await b.delivery('later');
        },
        { lockMs: 600, slots: 1 },
      ));

    it('is none where the task has no limit: nothing is asked', async () => {
      const fleet = new Fleet(ground);
      try {
        const member = await fleet.join(LONG_LOCK);
        member.work(10);
        await member.accept('p');
        const parent = await member.delivery('p');
        member.proxy.drop();
        await lend(member, parent);
        await takeBack(member, parent);
        member.proxy.restore();
      } finally {
        await fleet.close();
      }
    });
  }),
);
