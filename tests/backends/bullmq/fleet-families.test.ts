import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from '@jest/globals';
import { FleetLease } from '../../../src/backends/bullmq/delivering/fleet-lease.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import type { Delivery } from '../../../src/testing/contract/delivery.js';
import { until } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import type { Member } from './fleet-member.js';
import { Fleet } from './fleet.js';

const LONG_LOCK = { lockMs: 10_000 };

function leaseOf({ lease }: Delivery): FleetLease {
  assert(lease instanceof FleetLease);
  return lease;
}

describe.each(await fleetGrounds())('on $name', (ground) => {
  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet(ground);
  });
  afterEach(() => fleet.close());

  ground.describe('steps', () => {
    /** What the server keeps of a run's steps is nothing, sooner or later. */
    async function areGone(delivery: Delivery): Promise<void> {
      const { book } = await fleet.server();
      await until(async () => (await book.stepsOf(leaseOf(delivery).delivery.jobId)).size === 0, 'the steps to go');
    }

    async function withStep(member: Member, run: Partial<NewRun> = {}): Promise<Delivery> {
      member.work(1);
      await member.accept('a', run);
      const delivery = await member.delivery('a');
      assert.equal(await member.backend.keepStep(leaseOf(delivery), 'one', '1'), '1');
      return delivery;
    }

    const ends: readonly [string, (delivery: Delivery) => Promise<unknown>][] = [
      ['completes', (delivery) => delivery.complete()],
      ['fails', (delivery) => delivery.fail()],
    ];
    it.each(ends)('go when their run %s, which only the job says', async (_how, end) => {
      const member = await fleet.join(LONG_LOCK);
      const delivery = await withStep(member);
      await end(delivery);
      await areGone(delivery);
    });

    it('go when their run ends in a later attempt that has asked for none', async () => {
      const member = await fleet.join(LONG_LOCK);
      const first = await withStep(member);
      await first.retry(0);
      member.atWork = 0;
      member.wake();
      const second = () => member.deliveries.find(({ run }) => run.attempt === 2);
      await until(() => second() !== undefined);
      await second()?.complete();
      await areGone(first);
    });

    it('go when their run may not be tried again after a crash', async () => {
      const dying = await fleet.join();
      const delivery = await withStep(dying, { onCrash: 'fail' });
      const other = await fleet.join();
      other.work(1);
      dying.proxy.drop();
      await until(async () => (await other.status('a')) === 'failed');
      await areGone(delivery);
      dying.proxy.restore();
    });
  });

  ground.describe('children', () => {
    it('that retention has removed are found no more, nor is anything kept of whose they were', async () => {
      const member = await fleet.join({ ...LONG_LOCK, retention: { maxFinished: 1, keepResultMs: 50 } });
      member.work(10);
      await member.accept('p');
      const parent = await member.delivery('p');
      const { id, ordinal } = parent.run;
      const whose = { parent: { id, ordinal, depth: 1, key: null } };
      await member.accept('claimed', whose);
      await member.accept('generated', { ...whose, idIsNew: true });
      await member.complete(await member.delivery('claimed'));
      const { book } = await fleet.server();
      const left = async (): Promise<number> => (await book.childrenOf({ id, ordinal }, 'all')).length;
      await until(async () => (await left()) === 1, 'the first to be removed');
      await member.complete(await member.delivery('generated'));
      await member.complete(parent);
      await until(async () => (await left()) === 0 && (await member.status('p')) === undefined, 'all to be removed');
    });
  });
});
