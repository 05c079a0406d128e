import type { FinalStatus } from '../../../task/status.js';
import type { BookedEnd, LaneTally } from '../book/book.js';
import { ENDS, KEYS, MARK, PLACES } from './redis-lua.js';
import { listOf, RedisScript, type RedisServer, textOf, type Reply } from './redis-script.js';

const END = new RedisScript(
  'keep how a run ended',
  MARK,
  PLACES,
  KEYS,
  ENDS,
  `
local _, id, job, lane, status, finishedAt, name, held, text, onlyIfCancelled = unpack(ARGV)
local note = key('note', job)
if redis.call('HEXISTS', note, 'end') == 1 then return 0 end
if onlyIfCancelled == '1' and redis.call('HEXISTS', note, 'cancel') == 0 then return 0 end
redis.call('HSET', note, 'end', text, 'id', id, 'lane', lane, 'status', status, 'finishedAt', finishedAt)
if name ~= '' then redis.call('HSET', note, 'key', name) end
redis.call('HDEL', note, 'held', 'left')
redis.call('DEL', key('steps', job))
redis.call('SREM', key('cancelling', lane), job)
redis.call('ZREM', key('retrying', lane), job)
redis.call('ZREM', key('heldretries', lane), job)
unexpire(job)
-- Whoever keeps house would add the job again, and it would begin.
claimedNoMore(job)
if held == '1' then
  redis.call('SREM', key('marked', lane), job)
  redis.call('HSET', key('heldends', lane), job, status)
else
  redis.call('SADD', key('marked', lane), job)
  markJob(lane, job)
  shelve(job)
end
return 1`,
);

const LET_GO = new RedisScript(
  'keep that the job of an ended run is gone',
  PLACES,
  KEYS,
  ENDS,
  `
local _, lane, job = unpack(ARGV)
redis.call('SREM', key('marked', lane), job)
local wasHeld = redis.call('HDEL', key('heldends', lane), job) == 1
if redis.call('HEXISTS', key('note', job), 'replaced') == 1 then forgetJobs({ job }, lane)
elseif wasHeld then shelve(job) end`,
);

const TALLIES = new RedisScript(
  'count runs',
  `
local tallies, after = {}, '(' .. ARGV[2]
for i = 3, #ARGV do
  local lane = ARGV[i]
  local ended = { completed = 0, failed = 0, cancelled = 0 }
  for _, status in ipairs(redis.call('HVALS', key('heldends', lane))) do ended[status] = ended[status] + 1 end
  local held = ended.completed + ended.failed + ended.cancelled
  local keyed = {}
  for status, number in pairs(ended) do
    keyed[status] = redis.call('ZCARD', key('keptends', status, lane))
    ended[status] = number + redis.call('ZCARD', key('ends', status, lane)) + keyed[status]
  end
  local heldRetrying = redis.call('ZCOUNT', key('heldretries', lane), after, '+inf')
  local heldQueued = redis.call('ZCOUNT', key('heldretries', lane), '-inf', ARGV[2])
  local retrying = redis.call('ZCOUNT', key('retrying', lane), after, '+inf') + heldRetrying
  local cancelling = redis.call('SCARD', key('cancelling', lane))
  tallies[#tallies + 1] = {held + heldRetrying + heldQueued, cancelling, heldRetrying, heldQueued, retrying,
    ended.completed, ended.failed, ended.cancelled, keyed.completed, keyed.failed, keyed.cancelled}
end
return tallies`,
);

const OLDEST = new RedisScript(
  'look for runs that ended long ago',
  `
local _, lane, status, limit = unpack(ARGV)
local found = redis.call('ZRANGE', key('ends', status, lane), 0, limit - 1, 'WITHSCORES')
local ids = {}
for i = 1, #found, 2 do ids[#ids + 1] = redis.call('HGET', key('note', found[i]), 'id') end
return {found, ids}`,
);

/** Runs that ended in the book, and how many are in which state. */
export class RedisEnds {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async end({
    id,
    jobId,
    lane,
    status,
    finishedAt,
    keyName,
    held,
    text,
    onlyIfCancelled,
  }: BookedEnd): Promise<boolean> {
    const args = [id, jobId, lane, status, finishedAt, keyName ?? '', held ? 1 : 0, text, onlyIfCancelled ? 1 : 0];
    return (await this.#server.run(END, args)) === 1;
  }

  async letGo(lane: string, jobId: string): Promise<void> {
    await this.#server.run(LET_GO, [lane, jobId]);
  }

  async tallies(lanes: readonly string[], now: number): Promise<readonly LaneTally[]> {
    if (lanes.length === 0) return [];
    const tallies = await this.#server.list(TALLIES, [now, ...lanes]);
    return tallies.map((numbers) => readTally(listOf(numbers)));
  }

  async oldestEnds(
    lane: string,
    status: FinalStatus,
    limit: number,
  ): Promise<readonly { readonly jobId: string; readonly id: string; readonly finishedAt: number }[]> {
    const [found, ids] = await this.#server.list(OLDEST, [lane, status, limit]);
    return listOf(ids).map((id, at) => ({
      jobId: textOf(listOf(found)[2 * at]),
      id: textOf(id),
      finishedAt: Number(listOf(found)[2 * at + 1]),
    }));
  }
}

function readTally(numbers: readonly Reply[]): LaneTally {
  const [held = 0, cancelling = 0, heldRetrying = 0, heldQueued = 0, retrying = 0, ...ended] = numbers.map(Number);
  return {
    ...{ held, cancelling, heldRetrying, heldQueued, retrying },
    ...{ ended: readNumbers(ended.slice(0, 3)), keyed: readNumbers(ended.slice(3)) },
  };
}

function readNumbers([completed = 0, failed = 0, cancelled = 0]: readonly number[]): Record<FinalStatus, number> {
  return { completed, failed, cancelled };
}
