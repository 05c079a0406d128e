import { describe, expect, it, jest } from '@jest/globals';
import { AdHocFunctions, adHocTask } from '../../src/manager/ad-hoc-functions.js';
import type { Accepted, StoredRun } from '../../src/ports/backend.js';
import { unconfirmedStart } from '../../src/task/errors.js';
import { settle } from '../fake-clock.js';
import { codeOf, Gate } from './workbench.js';

const accepted: Accepted = { run: { id: 'a' } as StoredRun, replayed: false };
const task = () => adHocTask(() => 1, {});

describe('the functions of ad-hoc runs', () => {
  it('are at hand while the start is asked for, and gone where it is refused', async () => {
    const functions = new AdHocFunctions();
    const [mine, gate] = [task(), new Gate<Accepted>()];
    const starting = functions.start('a', mine, () => {
      expect(functions.find('a')).toBe(mine);
      return gate.promise;
    });
    gate.fail(new RangeError('no'));
    expect(await codeOf(Promise.resolve(starting))).toBe('RangeError');
    expect(functions.find('a')).toBeUndefined();
    const refuse = (): Accepted => {
      throw new RangeError('no');
    };
    expect(() => functions.start('a', mine, refuse)).toThrow(RangeError);
    expect(functions.find('a')).toBeUndefined();
  });

  it('stay where nobody knows whether the run was accepted: it may still be delivered', async () => {
    const functions = new AdHocFunctions();
    const [first, second] = [task(), task()];
    void functions.start('a', first, () => accepted);
    const unknown = (): Promise<Accepted> => Promise.reject(unconfirmedStart('a', new Error('EIO')));
    expect(await codeOf(Promise.resolve(functions.start('a', second, unknown)))).toBe('BACKEND');
    expect(functions.find('a')).toBe(second);
    functions.ended('a');
    expect(functions.find('a')).toBeUndefined();
  });

  it('are gone with their runs, also where a run ended before its start was answered', async () => {
    const functions = new AdHocFunctions();
    const gate = new Gate<Accepted>();
    const starting = functions.start('a', task(), () => gate.promise);
    functions.ended('a');
    gate.open(accepted);
    expect(await starting).toBe(accepted);
    expect(functions.find('a')).toBeUndefined();
  });

  it('are those of the start that is asked for as soon as the run before it has ended', async () => {
    const functions = new AdHocFunctions();
    const [first, second, gate] = [task(), task(), new Gate<Accepted>()];
    void functions.start('a', first, () => accepted);
    const starting = functions.start('a', second, () => gate.promise);
    expect(functions.find('a')).toBe(first);
    functions.ended('a');
    expect(functions.find('a')).toBe(second);
    gate.open(accepted);
    expect([await starting, functions.find('a')]).toEqual([accepted, second]);
  });

  it('are not mistaken for one another where a start is refused late, and the id is free again by then', async () => {
    const functions = new AdHocFunctions();
    const [first, second, third] = [task(), task(), task()];
    const gate = new Gate<Accepted>();
    void functions.start('a', first, () => accepted);
    const refused = codeOf(Promise.resolve(functions.start('a', second, () => gate.promise)));
    expect(functions.find('a')).toBe(first);
    functions.ended('a');
    const accept = jest.fn(() => accepted);
    const starting = functions.start('a', third, accept);
    await settle();
    expect(accept).not.toHaveBeenCalled();
    gate.fail(new RangeError('no'));
    expect([await refused, await starting, functions.find('a')]).toEqual(['RangeError', accepted, third]);
  });

  it('stay those of the active run where a start gives that run', () => {
    const functions = new AdHocFunctions();
    const first = task();
    void functions.start('a', first, () => accepted);
    void functions.start('a', task(), () => ({ ...accepted, replayed: true }));
    expect(functions.find('a')).toBe(first);
    functions.ended('a');
    expect(functions.find('a')).toBeUndefined();
  });
});
