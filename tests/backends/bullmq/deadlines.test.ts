import { describe, expect, it } from '@jest/globals';

import { Deadlines } from '../../../src/backends/bullmq/server/deadlines.js';
import { answerCodeOf } from '../../../src/backends/bullmq/server/server-failures.js';
import { TaskError } from '../../../src/task/errors.js';
import { FakeClock, settle } from '../../fake-clock.js';

function deadlines(): { readonly clock: FakeClock; readonly calls: Deadlines; readonly silences: () => number } {
  const clock = new FakeClock();
  let silences = 0;
  const calls = new Deadlines({ server: 'redis', timeoutMs: 2_000, clock, onSilence: () => silences++ });
  return { clock, calls, silences: () => silences };
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('a call', () => {
  it('gives what was answered', async () => {
    await expect(deadlines().calls.run('ask', () => Promise.resolve(7))).resolves.toBe(7);
  });

  it('is made in the turn in which it is asked for', () => {
    let made = false;
    void deadlines().calls.run('ask', async () => (made = true));
    expect(made).toBe(true);
  });

  it('that is not answered ends after its time, and at most a quarter later', async () => {
    const { clock, calls, silences } = deadlines();
    let ended = false;
    const call = calls.run('ask', never).catch((error: unknown) => {
      ended = true;
      return error;
    });
    clock.advance(1_999);
    await settle();
    expect(ended).toBe(false);
    clock.advance(501);
    await settle();
    expect(await call).toMatchObject({ code: 'BACKEND', details: { server: 'redis', what: 'ask' } });
    expect(silences()).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('that began later ends later', async () => {
    const { clock, calls } = deadlines();
    const ended: string[] = [];
    void calls.run('first', never).catch(() => ended.push('first'));
    clock.advance(1_000);
    await settle();
    void calls.run('second', never).catch(() => ended.push('second'));
    clock.advance(1_500);
    await settle();
    expect(ended).toEqual(['first']);
    clock.advance(1_000);
    await settle();
    expect(ended).toEqual(['first', 'second']);
  });

  it('leaves no timer once all are answered', async () => {
    const { clock, calls } = deadlines();
    await calls.run('ask', () => Promise.resolve());
    clock.advance(500);
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('ends when nobody wants to know any more', async () => {
    const { clock, calls } = deadlines();
    const call = calls.run('ask', never);
    calls.close();
    await expect(call).rejects.toMatchObject({ code: 'BACKEND' });
    expect(clock.pending).toBe(0);
  });
});

describe('a failure', () => {
  const failing = (error: unknown): Promise<unknown> =>
    deadlines()
      // The reason is whatever a driver rejects with.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      .calls.run('ask', () => Promise.reject(error))
      .catch((reason: unknown) => reason);

  it('names neither the host nor what was sent', async () => {
    const reply = Object.assign(new Error('WRONGPASS invalid username-password pair'), {
      name: 'ReplyError',
      command: { name: 'auth', args: ['secret'] },
    });
    const error = (await failing(reply)) as TaskError;
    expect(error.message).toBe('Redis refuses the name or password; see the connection URL');
    expect(JSON.stringify([error.cause, Object.entries(error.cause as object)])).not.toContain('secret');
    const refused = (await failing(new Error('connect ECONNREFUSED 10.0.0.7:6379'))) as TaskError;
    expect(refused.message).toBe('Redis cannot be reached; see whether it runs, and the connection URL');
  });

  it('of ours is passed on', async () => {
    const error = new TaskError('KEY_REUSED', 'it stands for another run');
    expect(await failing(error)).toBe(error);
  });

  it('that is an answer of a script is passed on', async () => {
    const error = Object.assign(new Error('Missing lock for job 7'), { code: -2 });
    expect(await failing(error)).toBe(error);
    expect(answerCodeOf(error)).toBe(-2);
  });

  it('may be anything', async () => {
    for (const odd of [null, undefined, 'text', 7]) expect(await failing(odd)).toMatchObject({ code: 'BACKEND' });
  });
});
