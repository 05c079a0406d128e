import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FleetLease } from '../../src/backends/bullmq/delivering/fleet-lease.js';
import type { Delivery } from '../../src/testing/contract/delivery.js';
import { fleetGrounds } from '../backends/bullmq/fleet-ground.js';
import type { Member } from '../backends/bullmq/fleet-member.js';
import { Fleet } from '../backends/bullmq/fleet.js';
import { until } from '../until.js';
import { programs, ROOT } from './program.js';

const start = programs();
const TIMES = { lockMs: 600, stalledCheckMs: 200 };

/** A process that takes one run, and lends its slot: to be killed. */
const LENDER = `
import { bullmq } from 'errand/bullmq';

const after = (ms, callback) => {
  const timer = setTimeout(callback, Math.max(0, ms));
  return { cancel: () => clearTimeout(timer), unref: () => timer.unref() };
};
const clock = { now: () => Date.now(), monotonic: () => performance.now(), after };
const most = 1_000_000;
const retention = { keepResultMs: most, maxFinished: most, keepFailedMs: most, maxFailed: most, keepKeyMs: most, maxKeys: most };
const observer = { settled() {}, forgotten() {}, cancelledLate() {} };
const { CONNECTION: connection, PREFIX: prefix } = process.env;
const backend = bullmq({ connection, prefix, lockMs: ${TIMES.lockMs}, stalledCheckMs: ${TIMES.stalledCheckMs} });
await backend.open({ clock, logger: undefined, queueLimit: most, retention, observer });
let taken = false;
const lend = async (lease) => {
  await backend.lend(lease);
  console.log('lent');
};
backend.work({
  freeSlots: () => (taken ? 0 : 1),
  limitsOf: () => ({ concurrency: 1 }),
  take: (run, lease) => {
    taken = true;
    return { begin: () => void lend(lease), cancel() {}, lost() {} };
  },
});
`;

function leaseOf({ lease }: Delivery): FleetLease {
  if (!(lease instanceof FleetLease)) throw new Error('this is no lease of a fleet');
  return lease;
}

const begun = ({ deliveries }: Member): string[] => deliveries.map(({ run }) => run.id);

describe.each(await fleetGrounds())('on $name', (ground) =>
  ground.describe('a process that is killed while the slot of its run is lent', () => {
    let fleet: Fleet;
    beforeEach(() => {
      fleet = new Fleet(ground);
    });
    afterEach(() => fleet.close());

    it('leaves the limit as it was: no more runs are at work than may be, before its run begins again and after', async () => {
      const env = { CONNECTION: ground.url, PREFIX: fleet.prefix };
      const member = await fleet.join({ lockMs: TIMES.lockMs });
      const lender = start(process.execPath, ['--input-type=module', '-e', LENDER], { cwd: ROOT, env });
      await member.accept('p');
      await lender.prints(/lent/);
      member.work(10, (task) => (task === 'other' ? {} : { concurrency: 1 }));
      await member.accept('child', { priority: 9 });
      const child = await member.delivery('child');
      await member.accept('later', { priority: -9 });
      lender.kill('SIGKILL');
      await lender.ended;
      await until(async () => (await member.status('p')) === 'queued');
      // Nobody is told of jobs that wait again: the lane is looked at.
      const { lane } = leaseOf(child).delivery;
      (await fleet.server()).publish({ type: 'lane', lane: lane.name });
      // Whoever has a slot has looked for runs since.
      await member.accept('other', { task: 'other' });
      await member.complete(await member.delivery('other'));
      expect(begun(member)).toEqual(['child', 'other']);
      await member.complete(child);
      const again = await member.delivery('p');
      await member.accept('another', { task: 'other' });
      await member.complete(await member.delivery('another'));
      expect(begun(member)).toEqual(['child', 'other', 'p', 'another']);
      await member.complete(again);
      await member.delivery('later');
    }, 30_000);
  }),
);
