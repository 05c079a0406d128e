import { AT_WORK_MOST, CONCURRENCY, type LentBook } from '../book/lent-book.js';
import { RedisScript, type RedisServer } from './redis-script.js';

/** `away` are the lent slots of a lane, `back` those that are to be taken back. */
const LENT = `
local function mostAtWork(lane)
  return tonumber(redis.call('HGET', key(lane, 'meta'), '${AT_WORK_MOST}') or nil)
end

-- From now on as many may be active. BullMQ reads it for each job that it gives.
local function letBeActive(lane, most)
  if not most then
    redis.call('DEL', key('away', lane), key('back', lane))
    redis.call('SREM', key('lentlanes'), lane)
    redis.call('HDEL', key(lane, 'meta'), '${CONCURRENCY}')
    return
  end
  local away = redis.call('HLEN', key('away', lane))
  redis.call('HSET', key(lane, 'meta'), '${CONCURRENCY}', at(most + away))
  if away == 0 and redis.call('EXISTS', key('back', lane)) == 0 then redis.call('SREM', key('lentlanes'), lane)
  else redis.call('SADD', key('lentlanes'), lane) end
end
`;

const LIMIT = new RedisScript(
  'change how many runs of a task may be at work',
  LENT,
  `
local _, lane, most = unpack(ARGV)
if most == '' then redis.call('HDEL', key(lane, 'meta'), '${AT_WORK_MOST}')
else redis.call('HSET', key(lane, 'meta'), '${AT_WORK_MOST}', most) end
letBeActive(lane, tonumber(most))`,
);

const LEND = new RedisScript(
  'lend the slot of a run',
  LENT,
  `
local _, lane, job, token = unpack(ARGV)
local most = mostAtWork(lane)
if not most or redis.call('GET', key(lane, job, 'lock')) ~= token then return 0 end
redis.call('HDEL', key('back', lane), job)
redis.call('HSET', key('away', lane), job, token)
letBeActive(lane, most)
return 1`,
);

const TAKE_BACK = new RedisScript(
  'take the slot of a run back',
  LENT,
  `
local _, lane, job, token, force = unpack(ARGV)
local isAway = redis.call('HGET', key('away', lane), job) == token
if not isAway and redis.call('HGET', key('back', lane), job) ~= token then return 1 end
redis.call('HDEL', key('away', lane), job)
redis.call('HSET', key('back', lane), job, token)
local most = mostAtWork(lane)
local notAtWork = redis.call('HLEN', key('away', lane)) + redis.call('HLEN', key('back', lane))
local isBack = force == '1' or not most or redis.call('LLEN', key(lane, 'active')) - notAtWork < most
if isBack then redis.call('HDEL', key('back', lane), job) end
letBeActive(lane, most)
return isBack and 1 or 0`,
);

const DROP = new RedisScript(
  'look for lent slots whose locks have run out',
  LENT,
  `
local function isHeld(lane, job, token)
  local lock = key(lane, job, 'lock')
  return redis.call('GET', lock) == token and redis.call('PTTL', lock) > tonumber(ARGV[2])
end
for _, lane in ipairs(redis.call('SMEMBERS', key('lentlanes'))) do
  for _, slots in ipairs({ key('away', lane), key('back', lane) }) do
    local lent = redis.call('HGETALL', slots)
    for i = 1, #lent, 2 do
      if not isHeld(lane, lent[i], lent[i + 1]) then redis.call('HDEL', slots, lent[i]) end
    end
  end
  letBeActive(lane, mostAtWork(lane))
end`,
);

/** Slots that jobs have lent. */
export class RedisLent implements LentBook {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async limitLane(lane: string, most: number | null): Promise<void> {
    await this.#server.run(LIMIT, [lane, most ?? '']);
  }

  async lend(lane: string, jobId: string, token: string): Promise<boolean> {
    return (await this.#server.run(LEND, [lane, jobId, token])) === 1;
  }

  async takeBack(...[lane, jobId, { token, force }]: Parameters<LentBook['takeBack']>): Promise<boolean> {
    return (await this.#server.run(TAKE_BACK, [lane, jobId, token, force ? 1 : 0])) === 1;
  }

  async dropLent(withinMs: number): Promise<void> {
    await this.#server.run(DROP, [withinMs]);
  }
}
