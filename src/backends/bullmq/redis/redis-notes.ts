import type { FleetBook, KeptCancel, Note } from '../book/book.js';
import { MARK, NOTE } from './redis-lua.js';
import { listOf, type Reply, RedisScript, type RedisServer, textOf, textOrNull } from './redis-script.js';

/*
 * A note is a hash: `cancel`, `end`, `held`, `left`, `delivery`, `checkpoint`, `stalls`, `redrivenBy` and `steps` are what a
 * `Note` has; `id`, `lane`, `status`, `finishedAt` and `key` go with `end`, for retention; `replaced` says that the id is another
 * run's, and that the note goes when BullMQ has the job no more.
 */
const NOTES = new RedisScript(
  'read what is kept beside jobs',
  NOTE,
  `
local notes = {}
for i = 2, #ARGV do notes[i - 1] = readNote(ARGV[i]) end
return notes`,
);

const REQUEST = new RedisScript(
  'cancel a run',
  MARK,
  `
local _, lane, job, cancel = unpack(ARGV)
local kept = redis.call('HMGET', key('note', job), 'cancel', 'end')
if kept[2] then return false end
markJob(lane, job)
if kept[1] then return kept[1] end
redis.call('HSET', key('note', job), 'cancel', cancel)
redis.call('SADD', key('cancelling', lane), job)
redis.call('SADD', key('marked', lane), job)
return cancel`,
);

const DROP_CANCEL = new RedisScript(
  'let a late cancel go',
  MARK,
  `
local _, lane, job = unpack(ARGV)
if redis.call('HEXISTS', key('note', job), 'end') == 1 then return end
redis.call('SREM', key('cancelling', lane), job)
redis.call('SREM', key('marked', lane), job)
redis.call('HDEL', key('note', job), 'cancel')
unmarkJob(lane, job)`,
);

const TO_CANCEL = new RedisScript('look for cancelled runs', anyOf('SRANDMEMBER', 'marked'));
const HELD_ENDS = new RedisScript('look for ends that handlers hold', anyOf('HRANDFIELD', 'heldends'));

/** @param command gives some members of what is kept under `name` and a lane, others each time. */
function anyOf(command: 'SRANDMEMBER' | 'HRANDFIELD', name: string): string {
  return `
local lanes, found = redis.call('SMEMBERS', key('lanes')), {}
-- Not always the same lane first: what is in it may have to stay for a while.
local first = math.floor(ARGV[3] * #lanes)
for i = 1, #lanes do
  local lane = lanes[(first + i) % #lanes + 1]
  local most = ARGV[2] - #found / 2
  if most <= 0 then return found end
  for _, job in ipairs(redis.call('${command}', key('${name}', lane), most)) do
    found[#found + 1] = lane
    found[#found + 1] = job
  end
end
return found`;
}

const HOLD = new RedisScript(
  'keep that an attempt was ended',
  NOTE,
  `
local _, lane, job, delivery, text, dueAt = unpack(ARGV)
if isBehind(job, delivery) then return 0 end
redis.call('HSET', key('note', job), 'held', text, 'delivery', delivery)
redis.call('ZREM', key('retrying', lane), job)
redis.call('ZADD', key('heldretries', lane), dueAt, job)
return 1`,
);

const RETRY_AT = new RedisScript(
  'keep when a run is tried again',
  NOTE,
  `
local _, lane, job, delivery, dueAt = unpack(ARGV)
if isBehind(job, delivery) then return end
redis.call('HDEL', key('note', job), 'held')
redis.call('ZREM', key('heldretries', lane), job)
redis.call('ZADD', key('retrying', lane), dueAt, job)`,
);

const DELIVER = new RedisScript(
  'take a job up again',
  NOTE,
  `
local _, lane, job, delivery = unpack(ARGV)
local note = key('note', job)
local kept = redis.call('HMGET', note, 'delivery', 'held')
if tonumber(kept[1] or 0) > tonumber(delivery) then return readNote(job) end
redis.call('HSET', note, 'delivery', delivery)
if kept[2] then
  redis.call('HSET', note, 'left', kept[2])
  redis.call('HDEL', note, 'held')
end
redis.call('ZREM', key('retrying', lane), job)
redis.call('ZREM', key('heldretries', lane), job)
return readNote(job)`,
);

const CHECKPOINT = new RedisScript(
  'keep a checkpoint',
  NOTE,
  `
local _, job, delivery, text, stalls = unpack(ARGV)
if isBehind(job, delivery) then return 0 end
redis.call('HSET', key('note', job), 'checkpoint', text, 'stalls', stalls, 'delivery', delivery)
return 1`,
);

/** What is kept beside the jobs of a few runs: cancels, attempts that are held, checkpoints. */
export class RedisNotes {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async notesOf(jobIds: readonly string[]): Promise<readonly (Note | undefined)[]> {
    if (jobIds.length === 0) return [];
    const notes = await this.#server.list(NOTES, jobIds);
    return notes.map((fields) => readNote(listOf(fields)));
  }

  async requestCancel(lane: string, jobId: string, cancel: KeptCancel): Promise<KeptCancel | null> {
    const kept = textOrNull(await this.#server.run(REQUEST, [lane, jobId, JSON.stringify(cancel)]));
    return kept === null ? null : (JSON.parse(kept) as KeptCancel);
  }

  cancels(lane: string): Promise<number> {
    const { client, call } = this.#server;
    return call('look for cancelled runs', () => client.scard(this.#server.key('marked', lane)));
  }

  toCancel(limit: number): ReturnType<FleetBook['toCancel']> {
    return this.#anyOf(TO_CANCEL, limit);
  }

  heldEnds(limit: number): ReturnType<FleetBook['heldEnds']> {
    return this.#anyOf(HELD_ENDS, limit);
  }

  async #anyOf(script: RedisScript, limit: number): Promise<{ lane: string; jobId: string }[]> {
    const found = await this.#server.list(script, [limit, Math.random()]);
    const jobs: { lane: string; jobId: string }[] = [];
    for (let at = 0; at < found.length; at += 2) jobs.push({ lane: textOf(found[at]), jobId: textOf(found[at + 1]) });
    return jobs;
  }

  async dropCancel(lane: string, jobId: string): Promise<void> {
    await this.#server.run(DROP_CANCEL, [lane, jobId]);
  }

  async hold(...[lane, jobId, delivery, { text, dueAt }]: Parameters<FleetBook['hold']>): Promise<boolean> {
    return (await this.#server.run(HOLD, [lane, jobId, delivery, text, dueAt])) === 1;
  }

  async retryAt(lane: string, jobId: string, delivery: number, dueAt: number): Promise<void> {
    await this.#server.run(RETRY_AT, [lane, jobId, delivery, dueAt]);
  }

  async deliver(lane: string, jobId: string, delivery: number): Promise<Note> {
    return readNote(await this.#server.list(DELIVER, [lane, jobId, delivery])) ?? NO_NOTE;
  }

  async checkpoint(...[, jobId, delivery, kept]: Parameters<FleetBook['checkpoint']>): Promise<boolean> {
    return (await this.#server.run(CHECKPOINT, [jobId, delivery, kept.text, kept.stalls])) === 1;
  }
}

const NO_NOTE: Note = {
  cancel: null,
  end: null,
  held: null,
  left: null,
  delivery: 0,
  checkpoint: null,
  stallsBefore: 0,
  steps: false,
  redrivenBy: null,
};

function readNote(fields: readonly Reply[]): Note | undefined {
  if (fields.every((field) => field === null)) return undefined;
  const [cancel, end, held, left, delivery, checkpoint, stalls, redrivenBy, steps] = fields.map(textOrNull);
  return {
    cancel: cancel ? (JSON.parse(cancel) as KeptCancel) : null,
    end: end ?? null,
    held: held ?? null,
    left: left ?? null,
    delivery: Number(delivery ?? 0),
    checkpoint: checkpoint ?? null,
    stallsBefore: Number(stalls ?? 0),
    steps: steps === '1',
    redrivenBy: redrivenBy ?? null,
  };
}
