/** What a database of ours says it is ("ERND"): a database of another program is not touched. */
export const APPLICATION_ID = 0x4552_4e44;

/**
 * Each takes a file from the version before it, which is its place here counted from 0, to the next. One that was ever
 * released never changes.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    -- Never used again: a later run of the same id has another one.
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    task TEXT,
    queue TEXT NOT NULL,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    -- What most runs never have, as one JSON object.
    rare TEXT,
    -- 0: as long as retention says; 1: for its idempotency key alone; 2: so too, and another run has its id now.
    kept INTEGER NOT NULL DEFAULT 0,
    -- What may be long stands last: a look at the others does not read it.
    progress TEXT,
    input TEXT,
    result TEXT
  ) STRICT;
  CREATE UNIQUE INDEX runs_id ON runs (id) WHERE kept < 2;
  CREATE INDEX runs_live ON runs (ordinal) WHERE finished_at IS NULL;
  CREATE INDEX runs_finished ON runs (status = 'failed', finished_at) WHERE finished_at IS NOT NULL AND kept = 0;

  CREATE TABLE keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    run INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_expiry ON keys (expires_at);
  CREATE INDEX keys_run ON keys (run);

  CREATE TABLE paused_queues (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
  `
  -- One row: what tells this file from all others, as the folder with the files of its runs has that name.
  CREATE TABLE store (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  INSERT INTO store VALUES (lower(hex(randomblob(8))));
  CREATE INDEX runs_imports ON runs (ordinal) WHERE kind = 'import';
  `,
  `
  CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    -- All of it but the input, as one JSON object.
    record TEXT NOT NULL,
    input TEXT
  ) STRICT;
  `,
  `
  -- Its parent's ordinal, to find children by: the rest of what is known about that is in rare.
  ALTER TABLE runs ADD COLUMN parent INTEGER;
  CREATE INDEX runs_children ON runs (parent) WHERE parent IS NOT NULL;

  -- Only runs that have not ended have any.
  CREATE TABLE steps (
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, key)
  ) STRICT, WITHOUT ROWID;
  `,
];
