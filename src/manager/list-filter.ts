import type { RunFilter } from '../ports/backend.js';
import { checkInteger, checkName, checkOptions, isTag, show } from '../task/checks.js';
import { RUN_STATUSES } from '../task/status.js';
import type { ListQuery } from './manager-options.js';

const KNOWN = ['status', 'task', 'tag', 'owner', 'deadLetters', 'limit', 'cursor'];

/** @throws {TypeError|RangeError} when a member of the query is unknown or malformed. */
export function listFilter(query: ListQuery): RunFilter {
  checkOptions("list's query", query, KNOWN);
  const { status, task, tag, owner, deadLetters = false, limit = 50, cursor } = query;
  if (status !== undefined) checkStatuses(status);
  if (task !== undefined) checkName('task', task);
  if (owner !== undefined) checkName('owner', owner);
  if (tag !== undefined && !isTag(tag)) throw new RangeError(`tag must be a valid tag; got ${show(tag)}`);
  if (cursor !== undefined && typeof cursor !== 'string')
    throw new TypeError(`cursor must be a string; got ${show(cursor)}`);
  return { status, task, tag, owner, deadLetters, limit: checkInteger('limit', limit, { min: 1, max: 200 }), cursor };
}

function checkStatuses(statuses: unknown): void {
  if (!Array.isArray(statuses)) throw new TypeError(`status must be an array of statuses; got ${show(statuses)}`);
  for (const status of statuses as unknown[]) {
    if (!RUN_STATUSES.some((known) => known === status)) {
      throw new RangeError(`a status must be one of ${RUN_STATUSES.join(', ')}; got ${show(status)}`);
    }
  }
}
