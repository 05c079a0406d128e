import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'libsql';
import { APPLICATION_ID, MIGRATIONS } from '../../../src/backends/sqlite/migrations.js';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import { childOf } from '../../../src/testing/contract/samples.js';
import { Stage } from '../../../src/testing/contract/stage.js';
import { DurableBench } from './durable.js';

const bench = new DurableBench();

beforeEach(() => bench.open());
afterEach(() => bench.dispose());

/** The last version that knew neither children nor steps. */
const BEFORE_CHILDREN = 3;

/** A file as that version has left it: runs that have ended, wait, and were at work. */
function oldFile(): string {
  const file = bench.newFile();
  const database = new Database(file);
  for (const migration of MIGRATIONS.slice(0, BEFORE_CHILDREN)) database.exec(migration);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${BEFORE_CHILDREN}`);
  const insert = database.prepare(
    `INSERT INTO runs (ordinal, id, kind, task, queue, priority, max_attempts, created_at, input, status, attempt, version,
      updated_at, started_at, finished_at, result, progress, rare)
      VALUES (?, ?, 'run', 'task', 'default', 0, 3, 1, '{"n":1}', ?, 1, 3, 2, 2, ?, ?, null, ?)`,
  );
  insert.run([1, 'ended', 'completed', Date.now(), '"kept"', '{"tags":["old"]}']);
  insert.run([2, 'works', 'running', null, null, '{"checkpoint":"{\\"state\\":1}","crashes":2}']);
  insert.run([3, 'waits', 'queued', null, null, null]);
  database.close();
  return file;
}

describe('a file of the version before children and steps', () => {
  it('keeps its runs as they were, and takes both from then on', () =>
    Stage.open(
      ({ clock }) => {
        clock.now = () => Date.now();
        return sqlite({ file: oldFile() });
      },
      {},
      async (stage) => {
        expect(await stage.run('ended')).toMatchObject({
          ...{ status: 'completed', result: 'kept', tags: ['old'], parentId: null },
        });
        stage.work();
        const works = await stage.delivery('works');
        expect(works.run).toMatchObject({ attempt: 1, crashes: 3, checkpoint: { state: 1 }, parent: null });
        expect((await stage.delivery('waits')).run.input).toEqual({ n: 1 });
        expect(await stage.backend.childrenOf(works.run, 'all')).toEqual([]);
        await (await stage.deliver('child', { parent: childOf(works.run) })).complete();
        expect(await stage.backend.childrenOf(works.run, 'all')).toMatchObject([{ id: 'child', status: 'completed' }]);
        expect([...(await stage.backend.stepsOf(works.lease))]).toEqual([]);
        expect(await stage.backend.keepStep(works.lease, 'one', '1')).toBe('1');
        expect([...(await stage.backend.stepsOf(works.lease))]).toEqual([['one', '1']]);
        await works.complete();
        expect((await stage.run('works')).status).toBe('completed');
      },
    ));
});
