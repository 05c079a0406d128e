import type { FleetServer } from '../server/fleet-server.js';
import type { JobAddress } from '../runs/run-texts.js';

/**
 * Removes a job, whatever has become of its run; one that somebody has locked stays.
 *
 * @returns whether BullMQ has no such job (any more). @throws {TaskError} BACKEND when the server does not answer.
 */
export function removeJob(server: FleetServer, { lane, jobId }: JobAddress): Promise<boolean> {
  const { jobs } = server.queue(lane);
  return server.call('remove a job', async () => {
    if ((await jobs.remove(jobId, false)) !== 0) return true;
    // PostgreSQL says the same of a job that is not there.
    return server.name === 'postgres' && (await jobs.getJobData(jobId)) === undefined;
  });
}
