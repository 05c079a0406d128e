import { describe, expect, it } from '@jest/globals';
import { endedText, readEnded } from '../../../src/backends/bullmq/book/ended-text.js';
import {
  type AttemptsState,
  FleetRun,
  type RunOrigin,
  type RunState,
} from '../../../src/backends/bullmq/runs/fleet-run.js';
import { jobIdOf, runIdOf } from '../../../src/backends/bullmq/runs/job-id.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import {
  attemptsText,
  originText,
  progressText,
  readAttempts,
  readOrigin,
  readProgress,
  readResult,
  readValue,
  resultMembers,
} from '../../../src/backends/bullmq/runs/run-texts.js';
import { encodeValue } from '../../../src/task/stored-value.js';

const NASTY = 'NUL \0, half a pair \ud800, quote ", back \\ \u2028 $date';
const LANE = laneNameOf({ queue: 'a:b', kind: 'import', task: 'x@y', process: null });
const ERROR = { code: 'TIME_LIMIT', name: 'E', message: NASTY, attempt: 2, exposed: true } as const;

const origin: RunOrigin = {
  id: 'wait',
  jobId: jobIdOf({ id: 'wait', idIsNew: false }, 1),
  lane: LANE,
  kind: 'import',
  task: 'x@y',
  queue: 'a:b',
  inputText: textOf({ when: new Date(0), big: 5n, text: NASTY }),
  priority: -7,
  maxAttempts: 3,
  onCrash: 'fail',
  maxCrashes: 0,
  tags: ['red'],
  owner: 'me',
  idempotencyKey: '"key"',
  redriveOf: 'old',
  parent: null,
  hardLimitMs: null,
  checkpointText: textOf({ state: [1], soFar: undefined }),
  ordinal: 7_000_000_000_000,
  versionBase: 2 ** 25,
  createdAt: 12,
  dueAt: 13,
  expiresAt: 14,
};

const plainOrigin: RunOrigin = {
  ...origin,
  ...{ inputText: null, priority: 0, maxAttempts: 1, onCrash: 'retry', maxCrashes: 3, tags: [], owner: null },
  ...{ idempotencyKey: null, redriveOf: null, checkpointText: null, versionBase: 0, dueAt: null, expiresAt: null },
};

const attempts: AttemptsState = {
  ...{ used: 2, attempt: 2, delivery: 4, startedAt: 5, delays: 1, dueAt: 20, stallsBefore: 1, at: 9 },
  error: ERROR,
  causeText: textOf(new Error(NASTY)),
  failures: [{ ...ERROR, at: 8 }],
};

const ended: RunState = {
  version: 99,
  status: 'failed',
  attempt: 2,
  delays: 1,
  progress: { done: 1, total: null, note: NASTY },
  dueAt: 3,
  startedAt: 4,
  updatedAt: 5.5,
  finishedAt: 5.5,
  cancel: { at: 2, by: 'me', reason: null },
  abandoned: true,
  result: undefined,
  error: ERROR,
  cause: 'thrown',
  failures: [{ ...ERROR, at: 8 }],
  redrivenBy: null,
  checkpoint: { state: [1], soFar: undefined },
  active: false,
};

describe('the id of a job', () => {
  it('is that of the run where it was generated', () => {
    expect(jobIdOf({ id: 'abc', idIsNew: true }, 5)).toBe('abc');
    expect(runIdOf('abc')).toBe('abc');
  });

  it.each(['wait', '12', 'a:b', 'x.y', '__proto__', 'z'.repeat(128)])('hides the caller’s %s and tells it', (id) => {
    const jobId = jobIdOf({ id, idIsNew: false }, Date.now());
    expect(jobId).toMatch(/^[0-9a-z]{26}\.[\w-]+$/);
    expect(runIdOf(jobId)).toBe(id);
    expect(jobIdOf({ id, idIsNew: false }, Date.now())).not.toBe(jobId);
  });
});

describe('the texts of runs', () => {
  it('say what was started, whatever it was', () => {
    for (const each of [origin, plainOrigin]) expect(readOrigin(each, originText(each))).toEqual(each);
  });

  it('hold nothing that the JSON of PostgreSQL refuses', () => {
    expect(originText(origin)).not.toMatch(/[^\\]\\u(0000|d800)/);
    expect(JSON.stringify(progressText({ ...PROGRESS }))).not.toMatch(/[^\\]\\u(0000|d800)/);
    expect(JSON.stringify(resultMembers({ ...RESULT }))).not.toMatch(/[^\\]\\u(0000|d800)/);
  });

  it('say how attempts went, and nothing where there was none', () => {
    expect(readAttempts(origin, attemptsText(attempts))).toEqual(attempts);
    expect(readAttempts(origin, undefined).attempt).toBe(0);
  });

  it('say what was returned', () => {
    expect(readResult(origin, JSON.stringify(resultMembers(RESULT)))).toEqual(RESULT);
    expect(readValue(origin, RESULT.valueText)).toBe(NASTY);
  });

  it('say how far an attempt has come', () => {
    expect(readProgress(origin, progressText(PROGRESS))).toEqual(PROGRESS);
    expect(readProgress(origin, 0)).toBeUndefined();
  });

  it('say how a run has ended, and what it was', () => {
    const text = endedText(new FleetRun(origin, ended, () => 1), origin.checkpointText);
    const read = readEnded(origin, text, { redrivenBy: null, active: true });
    expect(read.state).toEqual({ ...ended, active: true });
    expect(read.origin).toEqual({ ...origin, checkpointText: null });
    expect(read.input).toEqual({ when: new Date(0), big: 5n, text: NASTY });
    const later = readEnded(origin, text, { redrivenBy: 'b', active: false });
    expect([later.redrivenBy, later.state.version]).toEqual(['b', 100]);
  });

  it('keep no input of a run that cannot be redriven', () => {
    const text = endedText(new FleetRun(origin, { ...ended, status: 'cancelled' }, () => 1), null);
    const read = readEnded(origin, text, { redrivenBy: null, active: false });
    expect([read.input, read.checkpoint]).toEqual([undefined, null]);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no object', '[]'],
    ['somebody else’s', '{"to":"me@example.org"}'],
    ['of a later form', '{"errand":2}'],
    ['without what it must have', '{"errand":1}'],
    ['of wrong types', '{"errand":1,"ordinal":"1","createdAt":1,"used":{},"version":[],"at":"x"}'],
  ])('are refused as BACKEND where they are %s', (_what, text) => {
    const refused = expect.objectContaining({ code: 'BACKEND', message: expect.stringContaining(origin.jobId) });
    expect(() => readOrigin(origin, text)).toThrow(refused);
    expect(() => readResult(origin, text)).toThrow(refused);
    expect(() => readProgress(origin, text)).toThrow(refused);
    expect(() => readEnded(origin, text, { redrivenBy: null, active: false })).toThrow(refused);
    if (text !== '') expect(() => readAttempts(origin, text)).toThrow(refused);
  });

  it('refuse values that are none', () => {
    for (const text of ['{', '{"$date":{}}', '{"$what":"x"}'])
      expect(() => readValue(origin, text)).toThrow(expect.objectContaining({ code: 'BACKEND' }));
  });
});

const PROGRESS = { delivery: 3, progress: { done: 2, total: 5, note: NASTY }, version: 77, at: 6 };
const RESULT = { valueText: textOf(NASTY), cancelled: true, abandoned: true, startedAt: 1, at: 2 };

function textOf(value: unknown): string | null {
  const encoded = encodeValue(value);
  if (!encoded.ok) throw new Error(encoded.reason);
  return encoded.text;
}
