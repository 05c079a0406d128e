import type { FleetServer } from '../server/fleet-server.js';
import type { JobAddress } from '../runs/run-texts.js';

/**
 * Removes a job, whatever has become of its run; one that somebody has locked stays.
 *
 * @returns whether BullMQ has no such job (any more). @throws {TaskError} BACKEND when the server does not answer.
 */
export function removeJob(server: FleetServer, { lane, jobId }: JobAddress): Promise<boolean> {
  return server.call('remove a job', () => server.queue(lane).remove(jobId));
}
