import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseFile } from '../../../src/backends/sqlite/database-file.js';
import { type DatabaseOptions, openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { MIGRATIONS } from '../../../src/backends/sqlite/migrations.js';
import { systemClock } from '../../../src/timing/system-clock.js';

let folder: string;
let file: string;
const opened: DatabaseFile[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-sqlite-'));
  file = join(folder, 'errand.db');
});

afterEach(async () => {
  for (const database of opened.splice(0)) database.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

async function open(options: Partial<DatabaseOptions> = {}): Promise<DatabaseFile> {
  const database = await openDatabase({
    file,
    durability: 'full',
    clock: systemClock,
    lockTimeoutMs: 5_000,
    ...options,
  });
  opened.push(database);
  return database;
}

function close(database: DatabaseFile): void {
  opened.splice(opened.indexOf(database), 1);
  database.close();
}

/** Opens a good file, puts rows into it, and closes it. */
async function goodFile(rows = 500): Promise<void> {
  const database = await open();
  const insert = database.prepare('INSERT INTO paused_queues VALUES (?)');
  database.exec('BEGIN');
  for (let at = 0; at < rows; at += 1) insert.run(`queue-${at}-${'x'.repeat(100)}`);
  database.exec('COMMIT');
  close(database);
}

const libsql = JSON.stringify(createRequire(import.meta.url).resolve('libsql'));

/** A process of somebody else's that does something to the file and then stays. */
async function stranger(sql: string): Promise<ChildProcess> {
  const script = `const db = new (require(${libsql}))(${JSON.stringify(file)}); db.exec(${JSON.stringify(sql)}); console.log('done'); setInterval(() => db, 1e6);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

describe('a database file', () => {
  it('is made with its folder, and can be opened again as soon as it is closed', async () => {
    file = join(folder, 'a', 'b', 'errand.db');
    const first = await open();
    first.exec(`INSERT INTO paused_queues VALUES ('mail')`);
    close(first);
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['errand.db']);
    const second = await open();
    expect(second.prepare('SELECT name FROM paused_queues').all()).toEqual([['mail']]);
  });

  it('is for this user only, and so are its folder and its log', async () => {
    file = join(folder, 'a', 'errand.db');
    await open();
    const modes = ['a', 'a/errand.db', 'a/errand.db-wal'].map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  it('may be a link, also to a file that is not there yet: the log stands beside that file', async () => {
    await mkdir(join(folder, 'volume'));
    await symlink(join('volume', 'real.db'), file);
    for (const name of ['mail', 'files']) {
      const database = await open();
      database.exec(`INSERT INTO paused_queues VALUES ('${name}')`);
      expect(database.logBytes).toBeGreaterThan(0);
      close(database);
    }
    expect([await readdir(folder), await readdir(join(folder, 'volume'))]).toEqual([
      ['errand.db', 'volume'],
      ['real.db'],
    ]);
  });

  it('takes a hostile path for what it is', async () => {
    file = join(folder, `http:'"%3F?mode=memory #`);
    close(await open());
    expect(await readdir(folder)).toEqual([`http:'"%3F?mode=memory #`]);
  });

  it('keeps what was committed when its process is killed', async () => {
    await goodFile(1);
    const child = await stranger(
      `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; INSERT INTO paused_queues VALUES ('kept')`,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    const database = await open();
    expect(database.prepare(`SELECT name FROM paused_queues WHERE name = 'kept'`).first()).toEqual(['kept']);
  });
});

describe('a database file in use', () => {
  it('is refused with the process that has it and since when', async () => {
    await open();
    await expect(open()).rejects.toMatchObject({
      code: 'BACKEND',
      message: expect.stringMatching(
        new RegExp(`${folder}.* is in use by process ${process.pid} on .*, since 20.*Z; stop that first`),
      ),
      details: { pid: process.pid, since: expect.any(String) },
    });
  });

  it('is refused without a name where nobody left one', async () => {
    await goodFile(1);
    await stranger('BEGIN EXCLUSIVE');
    await expect(open({ lockTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'BACKEND',
      message: expect.stringContaining('is in use by another process'),
    });
  });

  it('is opened once a process that held a lock lets go, and the event loop goes on meanwhile', async () => {
    await goodFile(1);
    const child = await stranger('BEGIN EXCLUSIVE');
    // Tries that held up each turn for long would take longer for as many turns than opening is tried.
    let turns = 0;
    const ticking = setInterval(() => (turns += 1) === 20 && child.kill('SIGKILL'), 10);
    await open({ lockTimeoutMs: 5_000 }).finally(() => clearInterval(ticking));
    expect(turns).toBeGreaterThanOrEqual(20);
  });

  it('is free at once when its owner was killed, whoever has the number of that process now', async () => {
    await goodFile(1);
    const child = await stranger('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE; COMMIT');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await writeFile(`${file}.owner`, JSON.stringify({ pid: process.pid, host: 'here', since: '2026-01-01T00:00:00Z' }));
    const database = await open();
    expect(database.prepare('SELECT count(*) FROM paused_queues').first()).toEqual([1]);
  });
});

describe('a file that cannot be used is refused, says why, and stays as it was', () => {
  async function refused(message: RegExp): Promise<void> {
    const before = await readFile(file);
    await expect(open({ lockTimeoutMs: 0 })).rejects.toMatchObject({
      name: 'TaskError',
      code: 'BACKEND',
      message: expect.stringMatching(message),
    });
    expect((await readFile(file)).equals(before)).toBe(true);
    expect(await readdir(folder)).toEqual(['errand.db']);
  }

  it('a folder', async () => {
    await mkdir(file);
    await expect(open()).rejects.toMatchObject({ code: 'BACKEND', message: expect.stringContaining('is a folder') });
  });

  it('below something that is no folder', async () => {
    await writeFile(file, '');
    file = join(file, 'errand.db');
    await expect(open()).rejects.toMatchObject({ code: 'BACKEND', message: expect.stringContaining('no folder') });
  });

  it('no database', async () => {
    await writeFile(file, 'Handle,Title\n'.repeat(1_000));
    await refused(/is no database/);
  });

  it('the database of another program', async () => {
    const child = await stranger('CREATE TABLE notes (a)');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await refused(/is a database of another program/);
  });

  it('of a newer version', async () => {
    const database = await open();
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    close(database);
    await refused(/was written by a newer version of Errand/);
  });

  it('one that was cut off', async () => {
    await goodFile();
    await truncate(file, 40_000);
    await refused(/damaged/);
  });

  it('one with flipped bits', async () => {
    await goodFile();
    const bytes = await readFile(file);
    for (let at = 8_192; at < bytes.length; at += 977) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    await writeFile(file, bytes);
    await refused(/damaged/);
  });
});
