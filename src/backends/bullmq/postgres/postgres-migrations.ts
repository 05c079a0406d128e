import { FAMILY } from './postgres-family-functions.js';
import { LENDING } from './postgres-lent-functions.js';
import { CLAIM_FUNCTIONS } from './postgres-claim-functions.js';
import { ENDED, HELD, LIVE, NOTE_FUNCTIONS, OVER } from './postgres-note-functions.js';

/**
 * Each takes our schema from the version before it, which is its place here counted from 0, to the next. One that was
 * ever released never changes. `@` stands for our schema, `@jobs.` for BullMQ's. Instants are epoch ms; numbers of ours are
 * `double precision`, which is what they are in JavaScript. Texts that end in `_text` are JSON, but not `jsonb`: that
 * refuses some texts that JavaScript writes.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- One row: what tells this store from all others.
  CREATE TABLE @store (id text PRIMARY KEY);
  INSERT INTO @store VALUES (replace(gen_random_uuid()::text, '-', ''));

  CREATE TABLE @lanes (name text COLLATE "C" PRIMARY KEY);
  CREATE TABLE @paused_queues (name text COLLATE "C" PRIMARY KEY);

  CREATE TABLE @places (
    id text COLLATE "C" PRIMARY KEY,
    ordinal double precision NOT NULL,
    version_base double precision NOT NULL,
    since double precision NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL
  );
  CREATE INDEX places_ordinal ON @places (ordinal);
  -- The parts of a lane's name are queue, kind, task and process: see lane-name.ts.
  CREATE INDEX places_kind ON @places (split_part(lane, '|', 2), ordinal) WHERE split_part(lane, '|', 2) <> 'run';
  CREATE INDEX places_process ON @places (lane) WHERE split_part(lane, '|', 4) <> '';

  -- Only of runs that have to begin within a time, and have not.
  CREATE TABLE @expiries (
    job_id text COLLATE "C" PRIMARY KEY,
    lane text COLLATE "C" NOT NULL,
    expires_at double precision NOT NULL
  );
  CREATE INDEX expiries_at ON @expiries (expires_at);

  -- Jobs that were accepted and are still to be added.
  CREATE TABLE @outbox (job_id text COLLATE "C" PRIMARY KEY, since double precision NOT NULL, job_text text NOT NULL);
  CREATE INDEX outbox_since ON @outbox (since);

  CREATE TABLE @notes (
    job_id text COLLATE "C" PRIMARY KEY,
    lane text COLLATE "C",
    id text COLLATE "C",
    delivery integer NOT NULL DEFAULT 0,
    cancel_text text,
    -- A run waits for its next attempt, its handler still at work; from the next delivery on it is what was left.
    held_text text,
    left_text text,
    retry_at double precision,
    end_status text,
    finished_at double precision,
    key_name text COLLATE "C",
    -- Of a run that has ended: its handler is still at work; BullMQ has no job of it; its id is another run's.
    at_work boolean NOT NULL DEFAULT false,
    gone boolean NOT NULL DEFAULT false,
    replaced boolean NOT NULL DEFAULT false,
    stalls_before integer NOT NULL DEFAULT 0,
    redriven_by text COLLATE "C",
    -- What may be long stands last.
    checkpoint_text text,
    end_text text
  );
  -- The conditions are those of the queries, word for word.
  CREATE INDEX notes_live ON @notes (lane) WHERE ${LIVE};
  CREATE INDEX notes_over ON @notes (lane, job_id) WHERE ${OVER};
  CREATE INDEX notes_held ON @notes (lane, job_id) WHERE ${HELD};
  CREATE INDEX notes_ended ON @notes (lane, end_status, finished_at) INCLUDE (at_work, id) WHERE ${ENDED};

  CREATE TABLE @keys (
    name text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,
    id text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    expires_at double precision NOT NULL,
    -- When the run ended, where the book was told.
    ended_at double precision
  );
  CREATE INDEX keys_id ON @keys (id);
  CREATE INDEX keys_ended ON @keys (ended_at) WHERE ended_at IS NOT NULL;
  CREATE INDEX keys_over ON @keys (expires_at) WHERE ended_at IS NOT NULL;
  -- How many keys there are at most: those that were counted, and those that were made since.
  CREATE SEQUENCE @keys_made;
  CREATE TABLE @keys_counted (keys bigint NOT NULL, made bigint NOT NULL);
  INSERT INTO @keys_counted VALUES (0, 0);

  CREATE TABLE @schedules (id text COLLATE "C" PRIMARY KEY, version double precision NOT NULL, schedule_text text NOT NULL);
  CREATE TABLE @processes (id text COLLATE "C" PRIMARY KEY, until double precision NOT NULL);
  CREATE TABLE @turns (name text COLLATE "C" PRIMARY KEY, until timestamptz NOT NULL);
  ${NOTE_FUNCTIONS}
  ${CLAIM_FUNCTIONS}
  `,
  FAMILY + LENDING,
];
