import type { ParentName, Placed } from '../book/book.js';
import { readPlace } from '../book/place-text.js';
import { PLACES } from './redis-lua.js';
import { listOf, RedisScript, type RedisServer, textOf } from './redis-script.js';

/** How many children are looked at in one step, roughly: the server does nothing else meanwhile. */
const LOOK_MOST = 500;

const CHILDREN = new RedisScript(
  'look for the children of a run',
  PLACES,
  `
local _, ordinal, parent, which, cursor, most = unpack(ARGV)
local siblings = key('children', ordinal, parent)
local next, ids = unpack(redis.call('SSCAN', siblings, cursor, 'COUNT', most))
if #ids == 0 then return {next, {}, {}} end

local function hasEnded(place)
  return redis.call('HEXISTS', key('note', place.job), 'end') == 1
    or redis.call('HEXISTS', key(place.lane, place.job), 'finishedOn') == 1
end

local found, texts = {}, {}
for i, text in ipairs(redis.call('HMGET', key('places'), unpack(ids))) do
  local place = placeFrom(ids[i], text)
  if place and place.siblings == siblings and (which == 'all' or not hasEnded(place)) then
    found[#found + 1] = ids[i]
    texts[#texts + 1] = text
  end
end
return {next, found, texts}`,
);

/** The children of a run that have a place. Each that is there all the time is found; the scan may give one twice. */
export async function redisChildren(
  server: RedisServer,
  { id: parent, ordinal }: ParentName,
  which: 'all' | 'unended',
): Promise<readonly Placed[]> {
  const children = new Map<string, Placed>();
  let cursor = '0';
  do {
    const [next, ids, texts] = await server.list(CHILDREN, [ordinal, parent, which, cursor, LOOK_MOST]);
    for (const [at, reply] of listOf(ids).entries()) {
      const id = textOf(reply);
      children.set(id, { id, place: readPlace(id, textOf(listOf(texts)[at])) });
    }
    cursor = textOf(next);
  } while (cursor !== '0' && cursor !== '');
  return [...children.values()];
}
