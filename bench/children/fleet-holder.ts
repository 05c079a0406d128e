import { defineTask, TaskManager } from 'errand';
import { bullmq } from 'errand/bullmq';
import { BareFleet } from './fleet-bare.js';

// The process that has the runs which `fleet-cancel.js` cancels: node fleet-holder.js ours|peer <url> <prefix>
const [side, url = '', prefix = ''] = process.argv.slice(2);

/** Says that a handler is at work, and when its signal was aborted, by a clock that all processes of a machine share. */
function hold(id: string, signal: AbortSignal | undefined): Promise<void> {
  process.send?.({ begun: id });
  return new Promise((resolve) => {
    signal?.addEventListener('abort', () => {
      process.send?.({ abortedAt: Number(process.hrtime.bigint() / 1_000n) });
      resolve();
    });
  });
}

if (side === 'ours') {
  const task = defineTask({ name: 'held', handler: (_input, ctx) => hold(ctx.runId, ctx.signal) });
  await new TaskManager({ tasks: [task], backend: bullmq({ connection: url, prefix }) }).open();
} else {
  const fleet = new BareFleet(url, prefix);
  const worker = fleet.worker('held', (job, _token, signal) => hold(job.id ?? '', signal));
  const relay = fleet.relay();
  await relay.waitUntilReady();
  await relay.subscribe('cancel', ({ data }) => void worker.cancelJob(String(data)));
  await worker.waitUntilReady();
}
process.send?.({ begun: null });
