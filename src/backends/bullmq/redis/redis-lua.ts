/*
 * Lua that scripts share. What lies where, each name after the prefix and a colon:
 *
 *   places             hash    run id → place, as `place-text.ts` writes it
 *   children:{ordinal}:{id}    set     ids of the children of a run
 *   steps:{job}        hash    key → text of a step
 *   order              zset    run id by ordinal; `kind:import` the same for imports
 *   note:{job}         hash    what is rare about a run, see `redis-notes.ts`
 *   marked:{lane}      set     jobs that `FleetBook.cancels` counts
 *   cancelling:{lane}  set     those of them that have no end
 *   heldends:{lane}    hash    job → status of an end that a handler holds
 *   heldretries:{lane} zset    job by when the next attempt of a held one is due
 *   retrying:{lane}    zset    job by when the next attempt of any other is due
 *   ends:{status}:{lane}       zset    job by the end of its run, in the book
 *   keptends:{status}:{lane}   zset    the same of those with keys
 *   keys               hash    key → what it stands for
 *   keyof              hash    run id → key
 *   keytimes           zset    key by when its time is over
 *   endedkeys          zset    key by the end of its run
 *   away:{lane}        hash    job → token, of slots that are lent; back:{lane} the same of those that are wanted back
 *   lentlanes          set     lanes that have any of them
 *   expiry             zset    job by when it expires; `expirylanes` hash job → lane
 *   unadded            zset    job by when it was claimed; `jobtexts` hash job → text
 *   schedules          hash    id → version, newline, JSON
 *   lanes, paused      sets; `processes` zset by until when they are there; `turn:{name}` strings; `store` a string
 */

/** Places: `place-text.ts` says what is in one. */
export const PLACES = `
local function fieldsOf(text)
  local fields = {}
  for field in string.gmatch(text .. '\\n', '(.-)\\n') do fields[#fields + 1] = field end
  return fields
end

local function placeFrom(id, text)
  if not text then return nil end
  local fields = fieldsOf(text)
  local place = { text = text, lane = fields[1], ordinal = tonumber(fields[2]) }
  place.base = tonumber(fields[3] or '') or 0
  place.job = (fields[5] or '') == '' and id or fields[5]
  place.children = { 'children', fields[2], id }
  if fields[7] then place.siblings = key('children', fields[6], fields[7]) end
  return place
end

local function placeOf(id)
  return placeFrom(id, redis.call('HGET', key('places'), id))
end

local function unexpire(job)
  redis.call('ZREM', key('expiry'), job)
  redis.call('HDEL', key('expirylanes'), job)
end

local function claimedNoMore(job)
  redis.call('HDEL', key('jobtexts'), job)
  redis.call('ZREM', key('unadded'), job)
end

-- What is to be found through a run whose record goes, and it through its parent.
local function leaveFamilies(ids, places)
  local children = {}
  for i, place in ipairs(places) do
    if place.siblings then redis.call('SREM', place.siblings, ids[i]) end
    children[i] = key(unpack(place.children))
  end
  redis.call('DEL', unpack(children))
end

local function forgetPlaces(ids)
  redis.call('HDEL', key('places'), unpack(ids))
  redis.call('ZREM', key('order'), unpack(ids))
  redis.call('ZREM', key('kind', 'import'), unpack(ids))
end
`;

/**
 * Marks in BullMQ's jobs, `deferredFailure` there: whoever takes one sees with it that it is not to begin. BullMQ itself
 * counts no such job towards a rate.
 */
export const MARK = `
local function markJob(lane, job)
  if redis.call('EXISTS', key(lane, job)) == 1 then redis.call('HSET', key(lane, job), 'defa', 'over') end
end

local function unmarkJob(lane, job)
  redis.call('HDEL', key(lane, job), 'defa')
end
`;

/** Notes: `redis-notes.ts` says what is in one. */
export const NOTE = `
local function readNote(job)
  return redis.call('HMGET', key('note', job), 'cancel', 'end', 'held', 'left', 'delivery', 'checkpoint', 'stalls',
    'redrivenBy', 'steps')
end
local function isBehind(job, delivery)
  local kept = redis.call('HMGET', key('note', job), 'end', 'delivery')
  return kept[1] or tonumber(kept[2] or 0) > tonumber(delivery)
end
`;

/** Keys, and the ended runs that are kept for them. Needs {@link PLACES}. */
export const KEYS = `
local function keyNamed(name)
  local text = redis.call('HGET', key('keys'), name)
  if not text then return nil end
  local fields = fieldsOf(text)
  return { expiresAt = tonumber(fields[1]), id = fields[2], job = fields[3], fingerprint = fields[4] }
end

local function dropKey(name)
  local kept = keyNamed(name)
  if not kept then return end
  redis.call('HDEL', key('keys'), name)
  redis.call('ZREM', key('keytimes'), name)
  redis.call('ZREM', key('endedkeys'), name)
  if redis.call('HGET', key('keyof'), kept.id) == name then redis.call('HDEL', key('keyof'), kept.id) end
  local ended = redis.call('HMGET', key('note', kept.job), 'status', 'lane', 'finishedAt')
  if ended[1] and redis.call('ZREM', key('keptends', ended[1], ended[2]), kept.job) == 1 then
    redis.call('ZADD', key('ends', ended[1], ended[2]), ended[3], kept.job)
  end
end

local function keyEnded(name, id, finishedAt)
  local kept = keyNamed(name)
  if not kept or kept.id ~= id then return end
  if kept.expiresAt <= tonumber(finishedAt) then dropKey(name)
  else redis.call('ZADD', key('endedkeys'), finishedAt, name) end
end
`;

/** Ends in the book. Needs {@link PLACES} and {@link KEYS}. */
export const ENDS = `
local function shelve(job)
  local ended = redis.call('HMGET', key('note', job), 'status', 'lane', 'finishedAt', 'id', 'key')
  if not ended[1] then return end
  local kept = ended[5] and keyNamed(ended[5])
  local shelf = kept and kept.job == job and 'keptends' or 'ends'
  redis.call('ZADD', key(shelf, ended[1], ended[2]), ended[3], job)
  if shelf == 'keptends' then keyEnded(ended[5], ended[4], ended[3]) end
end

local function unshelve(jobs, lane)
  for _, status in ipairs({ 'completed', 'failed', 'cancelled' }) do
    redis.call('ZREM', key('ends', status, lane), unpack(jobs))
    redis.call('ZREM', key('keptends', status, lane), unpack(jobs))
  end
end

local function forgetJobs(jobs, lane)
  unshelve(jobs, lane)
  redis.call('SREM', key('cancelling', lane), unpack(jobs))
  redis.call('SREM', key('marked', lane), unpack(jobs))
  redis.call('HDEL', key('heldends', lane), unpack(jobs))
  redis.call('ZREM', key('heldretries', lane), unpack(jobs))
  redis.call('ZREM', key('retrying', lane), unpack(jobs))
  redis.call('ZREM', key('expiry'), unpack(jobs))
  redis.call('HDEL', key('expirylanes'), unpack(jobs))
  redis.call('HDEL', key('jobtexts'), unpack(jobs))
  redis.call('ZREM', key('unadded'), unpack(jobs))
  local theirs = {}
  for _, job in ipairs(jobs) do
    theirs[#theirs + 1] = key('note', job)
    theirs[#theirs + 1] = key('steps', job)
  end
  redis.call('DEL', unpack(theirs))
end
`;
