import type { Backend } from '../ports/backend.js';
import { show } from '../task/checks.js';
import type { ManagerOptions } from './manager-options.js';

/** Whether the tasks of a queue are handled here. */
export type QueueFilter = (queue: string) => boolean;

/** As a queue's name, with `*` wherever one likes. */
const PATTERN = /^[A-Za-z0-9_*][A-Za-z0-9_.:@*-]{0,127}$/;

/**
 * Which queues' tasks a manager handles; null for none.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or malformed, when both contradict each other, or when
 * runs would wait for a process that never comes.
 */
export function resolveWork({ work = true, queues }: ManagerOptions, { durable }: Backend): QueueFilter | null {
  if (typeof work !== 'boolean') throw new TypeError(`work must be true or false; got ${show(work)}`);
  const filter = queues === undefined ? everything : queueFilter(queues);
  if (!work && queues !== undefined)
    throw new RangeError(
      'queues says which queues are handled here, and work: false that none is; leave one of them out',
    );
  if (!durable && (!work || queues !== undefined)) {
    const option = work ? 'queues' : 'work: false';
    throw new RangeError(
      `${option} needs a backend that keeps runs for other processes, such as sqlite() gives: in memory nobody else could handle them`,
    );
  }
  return work ? filter : null;
}

/**
 * What names and patterns choose; in a pattern `*` stands for any characters, also for none.
 *
 * @throws {TypeError|RangeError} when they are no array, there are none, or one is malformed.
 */
export function queueFilter(patterns: readonly string[]): QueueFilter {
  if (!Array.isArray(patterns)) throw new TypeError(`queues must be an array of names; got ${show(patterns)}`);
  if (patterns.length === 0) throw new RangeError('queues must name one queue at least; leave it out for all of them');
  const parts = Array.from(patterns, partsOf);
  return (queue) => parts.some((each) => matches(queue, each));
}

/** What stands between the stars. */
function partsOf(pattern: unknown): readonly string[] {
  if (typeof pattern === 'string' && PATTERN.test(pattern)) return pattern.split('*');
  throw new RangeError(
    `queues must hold names of queues, 1 to 128 of the characters A-Z a-z 0-9 _ . : @ -, in which * stands for any characters; got ${show(pattern)}`,
  );
}

/** By hand: as regular expressions, patterns with many stars take exponential time. */
function matches(name: string, [first = '', ...others]: readonly string[]): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  const end = name.length - last.length;
  if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function everything(): boolean {
  return true;
}
