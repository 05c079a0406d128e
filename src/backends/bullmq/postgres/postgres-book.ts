import type { ClientBase } from 'pg';
import type { FleetBook } from '../book/book.js';
import { PostgresClaims } from './postgres-claims.js';
import { PostgresFleetState } from './postgres-fleet-state.js';
import { PostgresLent } from './postgres-lent.js';
import { migrateBook } from './postgres-migrate.js';
import { PostgresNotes } from './postgres-notes.js';
import { PostgresPlaces } from './postgres-places.js';
import { PostgresSteps } from './postgres-steps.js';
import { type Call, PostgresTables, type Queryable, type Schemas } from './postgres-tables.js';
import { PostgresTallies } from './postgres-tallies.js';

/** What a book on PostgreSQL works with. */
export interface PostgresBookParts extends Schemas {
  /** Stays its owner's: the book opens and closes no connection of its own. */
  readonly pool: Queryable;
  readonly call: Call;
  /** Connects a client for this work alone, whose statements may take longer, and ends it. @throws {TaskError} BACKEND */
  readonly alone: (what: string, work: (client: ClientBase) => Promise<void>) => Promise<void>;
}

/** The book on PostgreSQL: tables in a schema of our own, beside BullMQ's. Each method is one statement. */
export function postgresBook(parts: PostgresBookParts): FleetBook {
  const tables = new PostgresTables(parts.pool, parts, parts.call);
  const places = new PostgresPlaces(tables);
  const claims = new PostgresClaims(tables);
  const notes = new PostgresNotes(tables);
  const steps = new PostgresSteps(tables);
  const lent = new PostgresLent(tables);
  const ends = new PostgresTallies(tables);
  const fleet = new PostgresFleetState(tables);
  return {
    open: async () => {
      await parts.alone('make tables', (client) => migrateBook(client, parts));
      return fleet.head();
    },
    head: () => fleet.head(),
    // The connections are not the book's.
    close: () => Promise.resolve(),

    place: (...args) => places.place(...args),
    placesOf: (ids) => places.placesOf(ids),
    page: (below, limit) => places.page(below, limit),
    ofKind: (kind) => places.ofKind(kind),
    childrenOf: (parent, which) => places.childrenOf(parent, which),
    forget: (gone) => places.forget(gone),
    expired: (now, limit) => places.expired(now, limit),
    unexpire: (jobIds) => places.unexpire(jobIds),

    claim: (claim) => claims.claim(claim),
    unclaim: (claim) => claims.unclaim(claim),
    added: (jobId) => claims.added(jobId),
    unaddedJob: (jobId) => claims.unaddedJob(jobId),
    unadded: (before, limit) => claims.unadded(before, limit),

    keyOf: (name, now) => claims.keyOf(name, now),
    dropKey: (name, id) => claims.dropKey(name, id),
    keyEnded: (name, id, at) => claims.keyEnded(name, id, at),
    dropKeys: (now, limit) => claims.dropKeys(now, limit),
    haveKeys: (ids) => claims.haveKeys(ids),

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
    dropLent: (withinMs, now) => lent.dropLent(withinMs, now),

    end: (ended) => notes.end(ended),
    letGo: (lane, jobId) => notes.letGo(lane, jobId),
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
