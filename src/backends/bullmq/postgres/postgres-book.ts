import type { ClientBase } from 'pg';
import type { StoredSchedule } from '../../../ports/schedules.js';
import type { RunKind } from '../../../task/run.js';
import type { FinalStatus } from '../../../task/status.js';
import type {
  BookedEnd,
  BookHead,
  Claim,
  Claimed,
  FleetBook,
  KeptCancel,
  KnownKey,
  LaneTally,
  Note,
  Place,
  Placed,
} from '../book/book.js';
import { PostgresClaims } from './postgres-claims.js';
import { PostgresFleetState } from './postgres-fleet-state.js';
import { migrateBook } from './postgres-migrate.js';
import { PostgresNotes } from './postgres-notes.js';
import { PostgresPlaces } from './postgres-places.js';
import { type Call, PostgresTables, type Queryable } from './postgres-tables.js';
import { PostgresTallies } from './postgres-tallies.js';

/** What a {@link PostgresBook} works with. */
export interface PostgresBookParts {
  /** Stays its owner's: the book opens and closes no connection of its own. */
  readonly pool: Queryable;
  /** Where its tables are: a name of letters, digits and `_`. */
  readonly schema: string;
  readonly call: Call;
  /** Connects a client for this work alone, whose statements may take longer, and ends it. @throws {TaskError} BACKEND */
  readonly alone: (what: string, work: (client: ClientBase) => Promise<void>) => Promise<void>;
}

/** A job and the lane that it is in. */
interface JobIn {
  readonly lane: string;
  readonly jobId: string;
}

type OldEnd = Awaited<ReturnType<FleetBook['oldestEnds']>>[number];

/** The book on PostgreSQL: tables in a schema of our own, beside BullMQ's. Each method is one statement. */
export class PostgresBook implements FleetBook {
  readonly #parts: PostgresBookParts;
  readonly #places: PostgresPlaces;
  readonly #claims: PostgresClaims;
  readonly #notes: PostgresNotes;
  readonly #tallies: PostgresTallies;
  readonly #state: PostgresFleetState;

  constructor(parts: PostgresBookParts) {
    this.#parts = parts;
    const tables = new PostgresTables(parts.pool, parts.schema, parts.call);
    this.#places = new PostgresPlaces(tables);
    this.#claims = new PostgresClaims(tables);
    this.#notes = new PostgresNotes(tables);
    this.#tallies = new PostgresTallies(tables);
    this.#state = new PostgresFleetState(tables);
  }

  async open(): Promise<BookHead> {
    const { schema, alone } = this.#parts;
    await alone('make tables', (client) => migrateBook(client, schema));
    return this.#state.head();
  }

  head(): Promise<BookHead> {
    return this.#state.head();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  place(placed: Placed, expiresAt: number | null): Promise<void> {
    return this.#places.place(placed, expiresAt);
  }

  claim(claim: Claim): Promise<Claimed> {
    return this.#claims.claim(claim);
  }

  unclaim(claim: Parameters<FleetBook['unclaim']>[0]): Promise<void> {
    return this.#claims.unclaim(claim);
  }

  keyOf(name: string, now: number): Promise<KnownKey | undefined> {
    return this.#claims.keyOf(name, now);
  }

  dropKey(name: string, id: string): Promise<void> {
    return this.#claims.dropKey(name, id);
  }

  keyEnded(name: string, id: string, at: number): Promise<void> {
    return this.#claims.keyEnded(name, id, at);
  }

  added(jobId: string): Promise<void> {
    return this.#claims.added(jobId);
  }

  unaddedJob(jobId: string): Promise<string | null> {
    return this.#claims.unaddedJob(jobId);
  }

  unadded(before: number, limit: number): Promise<readonly string[]> {
    return this.#claims.unadded(before, limit);
  }

  placesOf(ids: readonly string[]): Promise<readonly (Place | undefined)[]> {
    return this.#places.placesOf(ids);
  }

  page(below: number, limit: number): Promise<readonly Placed[]> {
    return this.#places.page(below, limit);
  }

  ofKind(kind: Exclude<RunKind, 'run'>): Promise<readonly Placed[]> {
    return this.#places.ofKind(kind);
  }

  forget(gone: readonly (JobIn & { readonly id: string })[]): Promise<void> {
    return this.#places.forget(gone);
  }

  notesOf(jobIds: readonly string[]): Promise<readonly (Note | undefined)[]> {
    return this.#notes.notesOf(jobIds);
  }

  requestCancel(lane: string, jobId: string, cancel: KeptCancel): Promise<KeptCancel | null> {
    return this.#notes.requestCancel(lane, jobId, cancel);
  }

  cancels(lane: string): Promise<number> {
    return this.#notes.cancels(lane);
  }

  toCancel(limit: number): Promise<readonly JobIn[]> {
    return this.#notes.toCancel(limit);
  }

  heldEnds(limit: number): Promise<readonly JobIn[]> {
    return this.#notes.heldEnds(limit);
  }

  dropCancel(lane: string, jobId: string): Promise<void> {
    return this.#notes.dropCancel(lane, jobId);
  }

  end(ended: BookedEnd): Promise<boolean> {
    return this.#notes.end(ended);
  }

  letGo(lane: string, jobId: string): Promise<void> {
    return this.#notes.letGo(lane, jobId);
  }

  hold(...held: Parameters<FleetBook['hold']>): Promise<boolean> {
    return this.#notes.hold(...held);
  }

  retryAt(...wait: Parameters<FleetBook['retryAt']>): Promise<void> {
    return this.#notes.retryAt(...wait);
  }

  deliver(lane: string, jobId: string, delivery: number): Promise<Note> {
    return this.#notes.deliver(lane, jobId, delivery);
  }

  checkpoint(...kept: Parameters<FleetBook['checkpoint']>): Promise<boolean> {
    return this.#notes.checkpoint(...kept);
  }

  tallies(lanes: readonly string[], now: number): Promise<readonly LaneTally[]> {
    return this.#tallies.tallies(lanes, now);
  }

  oldestEnds(lane: string, status: FinalStatus, limit: number): Promise<readonly OldEnd[]> {
    return this.#tallies.oldestEnds(lane, status, limit);
  }

  haveKeys(ids: readonly string[]): Promise<readonly boolean[]> {
    return this.#claims.haveKeys(ids);
  }

  expired(now: number, limit: number): Promise<readonly JobIn[]> {
    return this.#places.expired(now, limit);
  }

  unexpire(jobIds: readonly string[]): Promise<void> {
    return this.#places.unexpire(jobIds);
  }

  dropKeys(now: number, limit: number): Promise<void> {
    return this.#claims.dropKeys(now, limit);
  }

  addLane(lane: string): Promise<void> {
    return this.#state.addLane(lane);
  }

  pauseQueue(queue: string, paused: boolean): Promise<void> {
    return this.#state.pauseQueue(queue, paused);
  }

  schedules(): Promise<readonly StoredSchedule[]> {
    return this.#state.schedules();
  }

  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    return this.#state.saveSchedule(schedule, expectedVersion);
  }

  removeSchedule(id: string): Promise<boolean> {
    return this.#state.removeSchedule(id);
  }

  beat(processId: string, forMs: number): Promise<void> {
    return this.#state.beat(processId, forMs);
  }

  deadProcesses(): Promise<readonly string[]> {
    return this.#state.deadProcesses();
  }

  bury(processId: string): Promise<void> {
    return this.#state.bury(processId);
  }

  turn(name: string, forMs: number): Promise<boolean> {
    return this.#state.turn(name, forMs);
  }
}
