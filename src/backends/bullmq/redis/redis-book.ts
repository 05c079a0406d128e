import type { FleetBook } from '../book/book.js';
import { redisChildren } from './redis-children.js';
import { RedisClaims } from './redis-claims.js';
import { RedisEnds } from './redis-ends.js';
import { RedisFleet } from './redis-fleet.js';
import { RedisKeys } from './redis-keys.js';
import { RedisNotes } from './redis-notes.js';
import { RedisPlaces } from './redis-places.js';
import { RedisLent } from './redis-lent.js';
import { type RedisBookParts, RedisServer } from './redis-script.js';
import { RedisSteps } from './redis-steps.js';

/**
 * The book on Redis, on the connection that BullMQ uses: so what is sent first is done first. Every change is one script
 * or one command. The scripts make names of keys, so a Redis Cluster is no place for it.
 *
 * `redis-lua.ts` says what lies where.
 */
export function redisBook(parts: RedisBookParts): FleetBook {
  const server = new RedisServer(parts);
  const places = new RedisPlaces(server);
  const claims = new RedisClaims(server);
  const keys = new RedisKeys(server);
  const notes = new RedisNotes(server);
  const ends = new RedisEnds(server);
  const lent = new RedisLent(server);
  const steps = new RedisSteps(server);
  const fleet = new RedisFleet(server);
  return {
    open: () => fleet.open(),
    head: () => fleet.head(),
    // The connection is not the book's.
    close: () => Promise.resolve(),

    place: (...args) => places.place(...args),
    placesOf: (ids) => places.placesOf(ids),
    page: (below, limit) => places.page(below, limit),
    ofKind: (kind) => places.ofKind(kind),
    childrenOf: (parent, which) => redisChildren(server, parent, which),
    forget: (gone) => places.forget(gone),
    expired: (now, limit) => places.expired(now, limit),
    unexpire: (jobIds) => places.unexpire(jobIds),

    claim: (claim) => claims.claim(claim),
    unclaim: (claim) => claims.unclaim(claim),
    added: (jobId) => claims.added(jobId),
    unaddedJob: (jobId) => claims.unaddedJob(jobId),
    unadded: (before, limit) => claims.unadded(before, limit),

    keyOf: (name, now) => keys.keyOf(name, now),
    dropKey: (name, id) => keys.dropKey(name, id),
    keyEnded: (name, id, at) => keys.keyEnded(name, id, at),
    dropKeys: (now, limit) => keys.dropKeys(now, limit),
    haveKeys: (ids) => keys.haveKeys(ids),

    notesOf: (jobIds) => notes.notesOf(jobIds),
    requestCancel: (lane, jobId, cancel) => notes.requestCancel(lane, jobId, cancel),
    cancels: (lane) => notes.cancels(lane),
    toCancel: (limit) => notes.toCancel(limit),
    heldEnds: (limit) => notes.heldEnds(limit),
    dropCancel: (lane, jobId) => notes.dropCancel(lane, jobId),
    hold: (...args) => notes.hold(...args),
    retryAt: (...args) => notes.retryAt(...args),
    deliver: (lane, jobId, delivery) => notes.deliver(lane, jobId, delivery),
    checkpoint: (...args) => notes.checkpoint(...args),

    keepStep: (...args) => steps.keepStep(...args),
    stepsOf: (jobId) => steps.stepsOf(jobId),
    dropSteps: (jobId) => steps.dropSteps(jobId),

    limitLane: (lane, most) => lent.limitLane(lane, most),
    lend: (lane, jobId, token) => lent.lend(lane, jobId, token),
    takeBack: (...args) => lent.takeBack(...args),
    dropLent: (withinMs) => lent.dropLent(withinMs),

    end: (ended) => ends.end(ended),
    letGo: (lane, jobId) => ends.letGo(lane, jobId),
    tallies: (lanes, now) => ends.tallies(lanes, now),
    oldestEnds: (lane, status, limit) => ends.oldestEnds(lane, status, limit),

    addLane: (lane) => fleet.addLane(lane),
    pauseQueue: (queue, paused) => fleet.pauseQueue(queue, paused),
    schedules: () => fleet.schedules(),
    saveSchedule: (schedule, expectedVersion) => fleet.saveSchedule(schedule, expectedVersion),
    removeSchedule: (id) => fleet.removeSchedule(id),
    beat: (processId, forMs) => fleet.beat(processId, forMs),
    deadProcesses: () => fleet.deadProcesses(),
    bury: (processId) => fleet.bury(processId),
    turn: (name, forMs) => fleet.turn(name, forMs),
  };
}
