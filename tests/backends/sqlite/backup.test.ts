import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LiveBackup } from '../../../src/backends/sqlite/live-backup.js';
import type { DatabaseFile } from '../../../src/backends/sqlite/database-file.js';
import { openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import type { SqliteBackend } from '../../../src/backends/sqlite/sqlite-options.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import { defineTask } from '../../../src/task/task.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { codeOf } from '../../manager/workbench.js';
import { DurableBench } from './durable.js';

const run = promisify(execFile);
const bench = new DurableBench();
const echo = defineTask({ name: 'echo', handler: (input: string) => input });
let file: string;
let to: string;
let backend: SqliteBackend;
let manager: TaskManager;

beforeEach(async () => {
  await bench.open();
  [file, to] = [bench.newFile(), bench.newFile()];
  backend = sqlite({ file });
  manager = bench.manager(file, { backend, tasks: [echo] });
  await manager.open();
});

afterEach(() => bench.dispose());

/** What is left in the folder of the copy, beside the database. */
async function left(): Promise<readonly string[]> {
  return (await readdir(dirname(to))).filter((name) => !join(dirname(to), name).startsWith(file));
}

describe('a backup', () => {
  it('has every run that was told before it began, while others go on', async () => {
    const told: string[] = [];
    let stop = false;
    const working = Promise.all(
      Array.from({ length: 20 }, async () => {
        while (!stop) {
          const run = await manager.start(echo, 'x'.repeat(2_000));
          await run.result();
          told.push(run.id);
        }
      }),
    );
    while (told.length < 500) await new Promise((resolve) => setImmediate(resolve));
    const before = [...told];
    const { file: made, bytes } = await backend.backup(to);
    stop = true;
    await working;
    expect([made, bytes]).toEqual([to, (await stat(to)).size]);
    const copy = bench.manager(to, { tasks: [echo] });
    const found = await Promise.all(before.map((id) => copy.get(id)));
    expect(found.filter((run) => run?.status !== 'completed')).toEqual([]);
    // What came later was not lost either: the log has gone into the file again.
    await manager.close();
    const again = bench.manager(file, { tasks: [echo] });
    const all = await Promise.all(told.map((id) => again.get(id)));
    expect(all.filter((run) => run?.status !== 'completed')).toEqual([]);
  });

  it('lets no other process have the file, not even when it is done', async () => {
    await backend.backup(to);
    const take = `const database = new (require('libsql'))(${JSON.stringify(file)});
      try { database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE'); console.log('has it'); }
      catch ({ code }) { console.log(code); }`;
    const { stdout } = await run(process.execPath, ['-e', take]);
    expect(stdout).toMatch(/^SQLITE_BUSY/);
  });

  it('goes on from the copy: a run that waited there runs', async () => {
    await manager.queues.pause('default');
    const { id } = await manager.start(echo, 'later');
    await backend.backup(to);
    const copy = bench.manager(to, { tasks: [echo] });
    await copy.open();
    await copy.queues.resume('default');
    expect(await copy.handle(echo, id).result()).toBe('later');
  });

  it('says of a file that is there already that it is, and overwrites it only when told', async () => {
    await writeFile(to, 'mine');
    expect(await codeOf(backend.backup(to))).toBe('BACKEND');
    expect(await readFile(to, 'utf8')).toBe('mine');
    await backend.backup(to, { overwrite: true });
    expect((await stat(to)).size).toBeGreaterThan(4);
    expect(await left()).toEqual([to.slice(dirname(to).length + 1)]);
  });

  it('refuses to take the place of the database itself, whatever it is called', async () => {
    const other = `${file}.link`;
    await symlink(file, other);
    for (const own of [file, `${file}-wal`, `${file}.owner`, other])
      await expect(backend.backup(own, { overwrite: true })).rejects.toThrow(RangeError);
    await expect(manager.start(echo, 'a')).resolves.toBeDefined();
  });

  it('refuses a name whose unfinished copy would be written over the database', async () => {
    const other = sqlite({ file: `${to}.partial` });
    const owner = new TaskManager({ backend: other });
    await owner.open();
    await expect(other.backup(to)).rejects.toThrow(RangeError);
    await owner.close();
  });

  it.each([
    ['no path', ''],
    ['a number', 7],
  ])('is refused to %s', async (_what, path) => {
    await expect(backend.backup(path as string)).rejects.toThrow(TypeError);
  });

  it('that finds no folder says so, and leaves nothing behind', async () => {
    const lost = join(to, 'none', 'errand.db');
    await expect(backend.backup(lost)).rejects.toMatchObject({
      code: 'BACKEND',
      message: expect.stringContaining('folder'),
    });
    expect(await left()).toEqual([]);
  });

  it('that finds no room says so, leaves nothing behind, and harms no run', async () => {
    await symlink('/dev/full', `${to}.partial`);
    await expect(backend.backup(to)).rejects.toMatchObject({
      code: 'BACKEND',
      message: expect.stringContaining('make room'),
    });
    expect(await left()).toEqual([]);
    expect(await (await manager.start(echo, 'a')).result()).toBe('a');
    await backend.backup(to);
  });

  it('makes one copy after the other', async () => {
    const another = bench.newFile();
    const both = await Promise.all([backend.backup(to), backend.backup(another)]);
    expect(both.map((made) => made.file)).toEqual([to, another]);
    expect(await readFile(to)).toHaveLength((await readFile(another)).length);
    expect(await codeOf(Promise.all([backend.backup(to), backend.backup(to)]))).toBe('BACKEND');
  });

  it('ends with MANAGER_CLOSED when the manager closes, and leaves nothing behind', async () => {
    const made = codeOf(backend.backup(to));
    await manager.close();
    expect([await made, await left()]).toEqual(['MANAGER_CLOSED', []]);
  });

  it('of a backend that is not open is refused', async () => {
    expect(await codeOf(sqlite({ file: bench.newFile() }).backup(to))).toBe('BACKEND');
  });

  it('takes the place of what a killed process has left of an earlier one', async () => {
    await writeFile(`${to}.partial`, 'x'.repeat(1_000_000));
    const { bytes } = await backend.backup(to);
    expect((await stat(to)).size).toBe(bytes);
    expect(existsSync(`${to}.partial`)).toBe(false);
  });
});

describe('a file that is being copied', () => {
  let database: DatabaseFile;

  beforeEach(async () => {
    database = await openDatabase({ file: to, durability: 'full', clock: systemClock, lockTimeoutMs: 0 });
    const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)';
    database.exec(`INSERT INTO paused_queues ${numbers} SELECT hex(randomblob(200)) || i FROM n`);
  });

  afterEach(() => database.close());

  it('gives the event loop its turns', async () => {
    const copying = new LiveBackup(database).make(`${to}.copy`, {});
    let turns = 0;
    const count = setInterval(() => (turns += 1), 1);
    await copying;
    clearInterval(count);
    expect(turns).toBeGreaterThan(3);
    expect((await stat(`${to}.copy`)).size).toBeGreaterThan(20_000_000);
  });

  it('is not copied to its end when too much is written meanwhile', async () => {
    const backup = new LiveBackup(database, 0);
    const made = codeOf(backup.make(`${to}.copy`, {}));
    const writing = setInterval(() => database.exec(`INSERT INTO paused_queues VALUES (hex(randomblob(9)))`), 0);
    expect(await made).toBe('BACKEND');
    clearInterval(writing);
    expect(existsSync(`${to}.copy`)).toBe(false);
    // From now on the log is copied into the file again.
    expect(database.prepare('PRAGMA wal_autocheckpoint').first()).toEqual([1_000]);
  });
});
