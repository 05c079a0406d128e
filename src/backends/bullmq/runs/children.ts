import type { StoredRun } from '../../../ports/backend.js';
import { isFinal } from '../../../task/status.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { FleetRun } from './fleet-run.js';
import type { RunReader } from './run-reader.js';

/** How many runs are read at once: each takes several answers of the server. */
const READ_MOST = 100;

/**
 * The children of a run, as `Backend.childrenOf` gives them. Of those that are not ended the server looks first at all,
 * so that the others are not read.
 *
 * @throws {TaskError} BACKEND when the server does not answer.
 */
export async function childrenOf(
  { server, reader }: { readonly server: FleetServer; readonly reader: Pick<RunReader, 'read'> },
  { id, ordinal }: Pick<StoredRun, 'id' | 'ordinal'>,
  which: 'all' | 'unended',
): Promise<readonly FleetRun[]> {
  const placed = await server.book.childrenOf({ id, ordinal }, which);
  const places = placed.map(({ place }) => place).sort((a, b) => a.ordinal - b.ordinal);
  const children: FleetRun[] = [];
  for (let at = 0; at < places.length; at += READ_MOST) {
    const read = await reader.read(places.slice(at, at + READ_MOST));
    children.push(...read.filter((run) => run !== undefined));
  }
  return which === 'all' ? children : children.filter(({ status }) => !isFinal(status));
}
