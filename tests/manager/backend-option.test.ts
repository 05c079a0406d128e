import { describe, expect, it } from '@jest/globals';
import { memory, TaskManager } from '../../src/index.js';
import { FakeClock } from '../fake-clock.js';
import { closeNow } from './workbench.js';

describe('the backend of a manager', () => {
  it('is the one that it was given, or configured with', async () => {
    const clock = new FakeClock();
    const given = new TaskManager({ clock, backend: memory({ maxBytes: 100 }) });
    const configured = new TaskManager();
    configured.configure({ clock, backend: memory({ maxBytes: 100 }) });
    for (const manager of [given, configured, new TaskManager({ clock })]) {
      const { result } = await (await manager.start('a', () => ({ ok: true }))).settled();
      expect(result).toEqual({ ok: true });
      await (await manager.start('b', () => 'x'.repeat(90))).settled();
      const kept = (await manager.list()).items.map(({ id }) => id);
      expect(kept).toEqual(manager === given || manager === configured ? ['b'] : ['b', 'a']);
      await closeNow(manager, clock);
    }
  });

  it('serves one manager only', () => {
    const backend = memory();
    const manager = new TaskManager({ backend });
    const second = { code: 'BACKEND', message: expect.stringContaining('make a new one') as unknown };
    expect(() => new TaskManager({ backend })).toThrow(expect.objectContaining(second));
    expect(() => new TaskManager().configure({ backend })).toThrow(expect.objectContaining(second));
    expect(manager.closing).toBe(false);
  });

  it('is not taken by options that were refused', () => {
    const backend = memory();
    expect(() => new TaskManager({ backend, graceMs: -1 })).toThrow(RangeError);
    expect(new TaskManager({ backend }).closing).toBe(false);
  });

  it.each([null, 'memory', memory, {}, { open: () => undefined }])('must be one: %p is refused', (backend) => {
    const made = () => new TaskManager({ backend } as object);
    expect(made).toThrow(TypeError);
    expect(made).toThrow(/^backend must be a backend, such as memory\(\) gives; got /);
  });

  it.each([0, -1, 1.5, NaN, '1', null])('in memory is not bounded by %p bytes', (maxBytes) => {
    expect(() => memory({ maxBytes } as object)).toThrow(/^maxBytes must be /);
  });

  it('in memory takes no other option', () => {
    expect(() => memory({ max: 1 } as object)).toThrow(/no option "max"/);
  });
});
