import { describe, expect, it } from '@jest/globals';
import { toEventResource } from '../../src/http-api/run-event-resource.js';
import { writePage, writeRun, type RunView } from '../../src/http-api/run-json.js';
import type { RunResource } from '../../src/http-api/run-resource.js';
import type { Run, RunFailure } from '../../src/task/run.js';

const failure: RunFailure = {
  code: 'HANDLER_FAILED',
  name: 'Error',
  message: 'secret',
  attempt: 2,
  exposed: false,
  at: 1_000,
};

const run: Run = {
  id: 'a',
  kind: 'run',
  task: 't',
  queue: 'default',
  status: 'failed',
  progress: { done: 1, total: null, note: null },
  attempt: 2,
  maxAttempts: 2,
  priority: 0,
  tags: ['x'],
  owner: 'somebody',
  parentId: null,
  redriveOf: null,
  redrivenBy: null,
  createdAt: 0,
  dueAt: null,
  startedAt: 1,
  updatedAt: 2,
  finishedAt: 2,
  cancelRequestedAt: null,
  cancelReason: null,
  abandoned: false,
  result: undefined,
  error: failure,
  failures: [failure],
  version: 9,
};

const view = { base: '/process', exposeErrors: false, withResult: true };

function written(shown: Run, how: RunView): RunResource {
  return JSON.parse(writeRun(shown, how)) as RunResource;
}

describe('writeRun', () => {
  it('shows the run as the contract has it', () => {
    expect(written(run, view)).toEqual({
      id: 'a',
      kind: 'run',
      task: 't',
      queue: 'default',
      status: 'failed',
      progress: { done: 1, total: null, note: null },
      attempt: 2,
      maxAttempts: 2,
      priority: 0,
      tags: ['x'],
      parentId: null,
      redriveOf: null,
      createdAt: '1970-01-01T00:00:00.000Z',
      dueAt: null,
      startedAt: '1970-01-01T00:00:00.001Z',
      updatedAt: '1970-01-01T00:00:00.002Z',
      finishedAt: '1970-01-01T00:00:00.002Z',
      cancelRequestedAt: null,
      cancelReason: null,
      abandoned: false,
      result: null,
      error: { code: 'HANDLER_FAILED', message: 'The handler failed', attempt: 2 },
      failures: [{ code: 'HANDLER_FAILED', message: 'The handler failed', attempt: 2, at: '1970-01-01T00:00:01.000Z' }],
      links: { self: '/process/a', events: '/process/a/events' },
    });
  });

  it('shows messages that were written for callers, and all of them when errors are exposed', () => {
    const exposed = { ...failure, exposed: true };
    expect(written({ ...run, error: exposed }, view).error?.message).toBe('secret');
    expect(written(run, { ...view, exposeErrors: true }).failures[0]?.message).toBe('secret');
  });

  it('names the run that was started for a failed one, once there is one', () => {
    expect(written({ ...run, redrivenBy: 'b' }, view).redrivenBy).toBe('b');
  });

  it('escapes whatever text is in it', () => {
    const text = '"\\\n\u2028</script>\ud800';
    const note = { done: 0, total: 1, note: text };
    const shown = written({ ...run, cancelReason: text, progress: note, result: text }, { ...view, base: '/a"b' });
    expect(shown).toMatchObject({
      cancelReason: text,
      progress: note,
      result: text,
      links: { events: '/a"b/a/events' },
    });
  });

  it('shows null for a missing task, and every other instant', () => {
    const at = { dueAt: 1, startedAt: 2, finishedAt: 3, cancelRequestedAt: 4 };
    expect(written({ ...run, ...at, task: null, parentId: 'p', redriveOf: 'q', abandoned: true }, view)).toMatchObject({
      task: null,
      parentId: 'p',
      redriveOf: 'q',
      abandoned: true,
      dueAt: '1970-01-01T00:00:00.001Z',
      cancelRequestedAt: '1970-01-01T00:00:00.004Z',
    });
  });

  it('shows a result where it is wanted and JSON can express it', () => {
    const result = { at: new Date(0) };
    expect(written({ ...run, result }, view).result).toEqual({ at: '1970-01-01T00:00:00.000Z' });
    expect(written({ ...run, result }, { ...view, withResult: false }).result).toBeNull();
    expect(written({ ...run, result: () => 1 }, view).result).toBeNull();
  });
});

describe('writePage', () => {
  it('has a cursor only where there are more', () => {
    expect(JSON.parse(writePage({ items: [] }, view))).toEqual({ items: [] });
    const page = JSON.parse(writePage({ items: [run, run], nextCursor: 'n"' }, view)) as {
      items: RunResource[];
      nextCursor: string;
    };
    expect([page.items.length, page.items[1]?.id, page.nextCursor]).toEqual([2, 'a', 'n"']);
  });
});

describe('toEventResource', () => {
  const base = { seq: 3, at: 0, runId: 'a', task: 't', tags: [], attempt: 1 } as const;

  it('shows a retry with its time and its error, without the secret in it', () => {
    const event = {
      ...base,
      type: 'run:retrying',
      status: 'retrying',
      error: failure,
      dueAt: 5,
      abandoned: false,
    } as const;
    expect(toEventResource(event, false)).toEqual({
      name: 'status',
      data: {
        ...base,
        at: '1970-01-01T00:00:00.000Z',
        status: 'retrying',
        dueAt: '1970-01-01T00:00:00.005Z',
        error: { code: 'HANDLER_FAILED', message: 'The handler failed', attempt: 2 },
        abandoned: false,
      },
    });
  });
});
