import type { FleetBook, ParentName, Place, Placed } from '../book/book.js';
import { kindOfLane } from '../runs/lane-name.js';
import { readPlace, writePlace } from '../book/place-text.js';
import { redisChildren } from './redis-children.js';
import { ENDS, KEYS, PLACES } from './redis-lua.js';
import { listOf, RedisScript, type RedisServer, textOf } from './redis-script.js';

const PAGE = new RedisScript(
  'list runs',
  `
local _, name, below, limit = unpack(ARGV)
local ids = redis.call('ZREVRANGEBYSCORE', key(name), below, '-inf', 'LIMIT', 0, limit)
if #ids == 0 then return {{}, {}} end
-- Those with the same ordinal as the last come with it: processes that accept at the same time may choose the same.
if #ids == tonumber(limit) then
  local last, isNext = ids[#ids], false
  local ordinal = redis.call('ZSCORE', key(name), last)
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', key(name), ordinal, ordinal)) do
    if isNext then ids[#ids + 1] = id end
    isNext = isNext or id == last
  end
end
local texts = {}
for first = 1, #ids, 1000 do
  for _, text in ipairs(redis.call('HMGET', key('places'), unpack(ids, first, math.min(first + 999, #ids)))) do
    texts[#texts + 1] = text
  end
end
return {ids, texts}`,
);

/** Of one lane. Command by command, and not run by run: those of a thousand runs would keep the server for long. */
const FORGET = new RedisScript(
  'forget ended runs',
  PLACES,
  KEYS,
  ENDS,
  `
local lane, ids, jobs = ARGV[2], {}, {}
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
  jobs[#jobs + 1] = ARGV[i + 1]
end
for i, name in ipairs(redis.call('HMGET', key('keyof'), unpack(ids))) do
  local kept = name and keyNamed(name)
  if kept and kept.job == jobs[i] then dropKey(name) end
end
forgetJobs(jobs, lane)
local theirs, places = {}, {}
for i, text in ipairs(redis.call('HMGET', key('places'), unpack(ids))) do
  local place = placeFrom(ids[i], text)
  if place and place.job == jobs[i] then
    theirs[#theirs + 1] = ids[i]
    places[#places + 1] = place
  end
end
if #theirs == 0 then return end
leaveFamilies(theirs, places)
forgetPlaces(theirs)`,
);

const EXPIRED = new RedisScript(
  'look for runs that waited too long',
  `
local jobs = redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
if #jobs == 0 then return {} end
return {jobs, redis.call('HMGET', key('expirylanes'), unpack(jobs))}`,
);

/** How many places one command writes or forgets at most: the server does nothing else meanwhile. */
const WRITE_MOST = 500;

/** A place that is to be written. */
interface NewPlace extends Placed {
  readonly parent: ParentName | null;
}

/** What was placed in a turn and is not sent yet. */
class Batch {
  readonly placed: NewPlace[] = [];
  readonly expiring: { readonly place: Place; readonly expiresAt: number }[] = [];
  readonly written: Promise<void>;

  /** @param write is called in a microtask, with all that the turn has put in by then. */
  constructor(write: (batch: Batch) => Promise<void>) {
    this.written = Promise.resolve().then(() => write(this));
  }
}

/** Where runs are. */
export class RedisPlaces {
  readonly #server: RedisServer;
  #batch: Batch | undefined;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  /**
   * Is sent in a microtask that was asked for before this returns. BullMQ's `addJob` waits for its client first, and so
   * sends later, when it is called after this: the job of a run is never there without its place.
   */
  place({ id, place }: Placed, expiresAt: number | null, parent: ParentName | null = null): Promise<void> {
    const batch = (this.#batch ??= new Batch((written) => this.#write(written)));
    batch.placed.push({ id, place, parent });
    if (expiresAt !== null) batch.expiring.push({ place, expiresAt });
    return batch.written;
  }

  async placesOf(ids: readonly string[]): Promise<readonly (Place | undefined)[]> {
    if (ids.length === 0) return [];
    const { client, call, key } = this.#parts;
    const texts = await call('look up runs', () => client.hmget(key('places'), ...ids));
    return ids.map((id, at) => placeFrom(id, texts[at]));
  }

  page(below: number, limit: number): Promise<readonly Placed[]> {
    return this.#page('order', Number.isFinite(below) ? `(${below}` : '+inf', limit);
  }

  ofKind(kind: 'import'): Promise<readonly Placed[]> {
    return this.#page(`kind:${kind}`, '+inf', -1);
  }

  childrenOf(parent: ParentName, which: 'all' | 'unended'): Promise<readonly Placed[]> {
    return redisChildren(this.#server, parent, which);
  }

  async forget(gone: Parameters<FleetBook['forget']>[0]): Promise<void> {
    const lanes = new Map<string, string[]>();
    for (const { id, jobId, lane } of gone) {
      const its = lanes.get(lane) ?? [];
      its.push(id, jobId);
      lanes.set(lane, its);
    }
    const most = 2 * WRITE_MOST;
    for (const [lane, its] of lanes)
      for (let at = 0; at < its.length; at += most) await this.#server.run(FORGET, [lane, ...its.slice(at, at + most)]);
  }

  async expired(now: number, limit: number): Promise<readonly { readonly lane: string; readonly jobId: string }[]> {
    const [jobs, lanes] = await this.#server.list(EXPIRED, [now, limit]);
    return listOf(jobs).map((job, at) => ({ jobId: textOf(job), lane: textOf(listOf(lanes)[at]) }));
  }

  async unexpire(jobIds: readonly string[]): Promise<void> {
    if (jobIds.length === 0) return;
    const { client, call, key } = this.#parts;
    await call('keep that runs began', () =>
      Promise.all([client.zrem(key('expiry'), ...jobIds), client.hdel(key('expirylanes'), ...jobIds)]),
    );
  }

  get #parts() {
    const server = this.#server;
    return { client: server.client, call: server.call, key: (...names: string[]) => server.key(...names) };
  }

  async #page(name: string, below: string, limit: number): Promise<readonly Placed[]> {
    const [ids, texts] = await this.#server.list(PAGE, [name, below, limit]);
    return listOf(ids).flatMap((id, at) => {
      const place = placeFrom(textOf(id), listOf(texts)[at]);
      return place === undefined ? [] : [{ id: textOf(id), place }];
    });
  }

  #write(batch: Batch): Promise<void> {
    this.#batch = undefined;
    return this.#server.call('place runs', async () => {
      const sent: Promise<unknown>[] = [];
      for (let at = 0; at < batch.placed.length; at += WRITE_MOST)
        sent.push(...this.#send(batch.placed.slice(at, at + WRITE_MOST)));
      sent.push(...this.#sendExpiring(batch));
      await Promise.all(sent);
    });
  }

  /** In this order: what is listed has a place. */
  #send(placed: readonly NewPlace[]): Promise<unknown>[] {
    const { client, key } = this.#parts;
    // First, so that a child which has a place is found through its parent.
    const sent: Promise<unknown>[] = [];
    const texts: string[] = [];
    const order: (string | number)[] = [];
    const imports: (string | number)[] = [];
    for (const each of placed) {
      const { id, place, parent } = each;
      if (parent !== null) sent.push(client.sadd(key('children', String(parent.ordinal), parent.id), id));
      texts.push(id, writePlace(each, parent));
      order.push(place.ordinal, id);
      if (kindOfLane(place.lane) === 'import') imports.push(place.ordinal, id);
    }
    sent.push(client.hset(key('places'), ...texts), client.zadd(key('order'), ...order));
    if (imports.length > 0) sent.push(client.zadd(key('kind:import'), ...imports));
    return sent;
  }

  #sendExpiring({ expiring }: Batch): Promise<unknown>[] {
    if (expiring.length === 0) return [];
    const { client, key } = this.#parts;
    const lanes = expiring.flatMap(({ place }) => [place.jobId, place.lane]);
    const times = expiring.flatMap(({ place, expiresAt }) => [expiresAt, place.jobId]);
    return [client.hset(key('expirylanes'), ...lanes), client.zadd(key('expiry'), ...times)];
  }
}

function placeFrom(id: string, text: unknown): Place | undefined {
  return typeof text === 'string' ? readPlace(id, text) : undefined;
}
