import type { ClientBase } from 'pg';
import type { FleetBook } from '../book/book.js';
import { composeBook } from '../book/compose-book.js';
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
  const claims = new PostgresClaims(tables);
  const notes = new PostgresNotes(tables);
  const fleet = new PostgresFleetState(tables);
  return composeBook({
    open: async () => {
      await parts.alone('make tables', (client) => migrateBook(client, parts));
      return fleet.head();
    },
    places: new PostgresPlaces(tables),
    claims,
    keys: claims,
    notes,
    steps: new PostgresSteps(tables),
    lent: new PostgresLent(tables),
    ends: notes,
    tallies: new PostgresTallies(tables),
    fleet,
  });
}
