import type { Claim, Claimed, FleetBook } from '../book/book.js';
import { kindOfLane } from '../runs/lane-name.js';
import { readPlace } from '../book/place-text.js';
import { ENDS, KEYS, PLACES } from './redis-lua.js';
import { type Reply, RedisScript, type RedisServer, textOf } from './redis-script.js';
import { baseAfter } from '../runs/run-version.js';
import { writeSchedule } from '../book/schedule-text.js';

/** How many keys go at once at most, where there are more than may be. */
const DROP_MOST = 100;

const CLAIM = new RedisScript(
  'accept a run',
  PLACES,
  KEYS,
  ENDS,
  `
local _, id, job, lane, ordinal, base, since, replaces, keyName, fingerprint, keyAt, keyUntil, maxKeys, text,
  scheduleId, schedule, expectedVersion, redrives, expiresAt, kind, baseStep, dropMost, parentOrdinal, parentId
  = unpack(ARGV)

if scheduleId ~= '' then
  local kept = redis.call('HGET', key('schedules'), scheduleId)
  if not kept or fieldsOf(kept)[1] ~= expectedVersion then return {'other schedule'} end
end
local redrivenBy = redrives ~= '' and redis.call('HGET', key('note', redrives), 'redrivenBy')
if redrivenBy then return {'redriven', redrivenBy} end
local known = keyName ~= '' and keyNamed(keyName)
if known then
  return {'key taken', known.id, known.fingerprint, known.expiresAt <= tonumber(keyAt) and 1 or 0}
end
local old = placeOf(id)
if old and old.job ~= replaces then return {'id taken', old.text} end
if keyName ~= '' then
  local tooMany = redis.call('HLEN', key('keys')) - tonumber(maxKeys) + 1
  if tooMany > 0 then
    local last = math.min(tooMany, tonumber(dropMost)) - 1
    local ended = redis.call('ZRANGE', key('endedkeys'), 0, last)
    if #ended == 0 then return {'no room for keys'} end
    for _, name in ipairs(ended) do dropKey(name) end
  end
end

if old then
  if tonumber(ordinal) <= old.ordinal then ordinal = at(old.ordinal + 1) end
  if tonumber(base) <= old.base then base = at(old.base + baseStep) end
  leaveFamilies({ id }, { old })
  -- BullMQ may still have the job, and deliver it: what says that its run has ended goes with the job then.
  local ended = redis.call('HEXISTS', key('note', old.job), 'end') == 1
  local wasHeld = redis.call('HDEL', key('heldends', old.lane), old.job) == 1
  if wasHeld then redis.call('SADD', key('marked', old.lane), old.job) end
  if ended and redis.call('SISMEMBER', key('marked', old.lane), old.job) == 1 then
    unshelve({ old.job }, old.lane)
    redis.call('HSET', key('note', old.job), 'replaced', 1)
  else forgetJobs({ old.job }, old.lane) end
end
local place = table.concat({lane, ordinal, base == '0' and '' or base, since, job == id and '' or job}, '\\n')
if parentId ~= '' then
  place = table.concat({place, parentOrdinal, parentId}, '\\n')
  redis.call('SADD', key('children', parentOrdinal, parentId), id)
end
redis.call('HSET', key('places'), id, place)
redis.call('ZADD', key('order'), ordinal, id)
if kind == 'import' then redis.call('ZADD', key('kind', 'import'), ordinal, id)
else redis.call('ZREM', key('kind', 'import'), id) end
if expiresAt ~= '' then
  redis.call('HSET', key('expirylanes'), job, lane)
  redis.call('ZADD', key('expiry'), expiresAt, job)
end
if keyName ~= '' then
  redis.call('HSET', key('keys'), keyName, table.concat({keyUntil, id, job, fingerprint}, '\\n'))
  redis.call('ZADD', key('keytimes'), keyUntil, keyName)
  redis.call('HSET', key('keyof'), id, keyName)
end
if text ~= '' then
  redis.call('HSET', key('jobtexts'), job, text)
  redis.call('ZADD', key('unadded'), since, job)
end
if scheduleId ~= '' then redis.call('HSET', key('schedules'), scheduleId, schedule) end
if redrives ~= '' then redis.call('HSET', key('note', redrives), 'redrivenBy', id) end
return {'claimed', place}`,
);

const UNCLAIM = new RedisScript(
  'take the acceptance of a run back',
  PLACES,
  KEYS,
  `
local _, id, job, keyName, redrives = unpack(ARGV)
local known = keyName ~= '' and keyNamed(keyName)
if known and known.job == job then dropKey(keyName) end
redis.call('HDEL', key('jobtexts'), job)
redis.call('ZREM', key('unadded'), job)
local place = placeOf(id)
if not place or place.job ~= job then return end
leaveFamilies({ id }, { place })
forgetPlaces({ id })
unexpire(job)
if redrives ~= '' and redis.call('HGET', key('note', redrives), 'redrivenBy') == id then
  redis.call('HDEL', key('note', redrives), 'redrivenBy')
end`,
);

const ADDED = new RedisScript(
  'keep that a job was added',
  `
redis.call('HDEL', key('jobtexts'), ARGV[2])
redis.call('ZREM', key('unadded'), ARGV[2])`,
);

const UNADDED = new RedisScript(
  'look for jobs that were not added',
  `
local jobs = redis.call('ZRANGEBYSCORE', key('unadded'), '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
return #jobs == 0 and {} or redis.call('HMGET', key('jobtexts'), unpack(jobs))`,
);

/** What starts claim that have a caller's id, a key or a schedule, or redrive a run. */
export class RedisClaims {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async claim(claim: Claim): Promise<Claimed> {
    const reply = await this.#server.list(CLAIM, claimArguments(claim));
    return readClaimed(claim.id, reply);
  }

  async unclaim({ id, place, key, redrives }: Parameters<FleetBook['unclaim']>[0]): Promise<void> {
    await this.#server.run(UNCLAIM, [id, place.jobId, key?.name ?? '', redrives ?? '']);
  }

  async added(jobId: string): Promise<void> {
    await this.#server.run(ADDED, [jobId]);
  }

  unaddedJob(jobId: string): Promise<string | null> {
    const { client, call } = this.#server;
    return call('look for a job that was not added', () => client.hget(this.#server.key('jobtexts'), jobId));
  }

  async unadded(before: number, limit: number): Promise<readonly string[]> {
    const texts = await this.#server.list(UNADDED, [before, limit]);
    return texts.map(textOf);
  }
}

/** Empty where there is nothing. */
function claimArguments(claim: Claim): (string | number)[] {
  const { id, place, replaces, key, job, schedule, redrives, expiresAt, parent } = claim;
  const { jobId, lane, ordinal, versionBase, since } = place;
  const keyParts = key === null ? ['', '', '', '', ''] : [key.name, key.fingerprint, key.at, endOf(key), mostOf(key)];
  const scheduleParts =
    schedule === null ? ['', '', ''] : [schedule.next.id, writeSchedule(schedule.next), schedule.expectedVersion];
  return [
    ...[id, jobId, lane, ordinal, versionBase, since, replaces ?? ''],
    ...keyParts,
    job ?? '',
    ...scheduleParts,
    redrives ?? '',
    expiresAt ?? '',
    kindOfLane(lane),
    baseAfter(0),
    DROP_MOST,
    ...[parent?.ordinal ?? '', parent?.id ?? ''],
  ];
}

/** Lua reads no `Infinity`. */
function endOf({ at, keepMs }: { readonly at: number; readonly keepMs: number }): number {
  return Math.min(at + keepMs, Number.MAX_SAFE_INTEGER);
}

function mostOf({ maxKeys }: { readonly maxKeys: number }): number {
  return Math.min(maxKeys, Number.MAX_SAFE_INTEGER);
}

function readClaimed(id: string, [type, first, fingerprint, expired]: readonly Reply[]): Claimed {
  const text = textOf(first);
  if (type === 'claimed' || type === 'id taken') return { type, place: readPlace(id, text) };
  if (type === 'key taken') return { type, id: text, fingerprint: textOf(fingerprint), expired: expired === 1 };
  if (type === 'redriven') return { type, by: text };
  return { type: type === 'other schedule' ? type : 'no room for keys' };
}
