import { describe, expect, it } from '@jest/globals';
import { toJsonValue } from '../../src/task/json-value.js';

function converted(value: unknown): unknown {
  const conversion = toJsonValue(value);
  if (!conversion.ok) throw new Error(`refused: ${conversion.reason}`);
  return conversion.value;
}

function reasonOf(value: unknown): string {
  const conversion = toJsonValue(value);
  return conversion.ok ? `converted to ${JSON.stringify(conversion.value)}` : conversion.reason;
}

describe('toJsonValue', () => {
  describe('what JSON can say', () => {
    it('stays as it is', () => {
      const value = { a: [1, 'two', true, null], b: { c: {} } };
      expect(converted(value)).toEqual(value);
    });

    it('loses members that are undefined, as in JSON', () => {
      expect(converted({ a: undefined, b: 1 })).toEqual({ b: 1 });
    });

    it('may appear twice in one value', () => {
      const shared = { x: 1 };
      expect(converted([shared, shared])).toEqual([{ x: 1 }, { x: 1 }]);
    });

    it('keeps a member named __proto__ as a member', () => {
      const value: unknown = JSON.parse('{"__proto__":{"polluted":true}}');
      expect(JSON.stringify(converted(value))).toBe('{"__proto__":{"polluted":true}}');
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });
  });

  describe('what has a good form in JSON', () => {
    it.each([
      ['undefined', undefined, null],
      ['NaN', Number.NaN, null],
      ['an infinity', [-Infinity], [null]],
      ['a hole', [1, , 2], [1, null, 2]], // eslint-disable-line no-sparse-arrays -- a hole is what is tested
      ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
      ['an invalid date', new Date(Number.NaN), null],
      ['a BigInt', { n: 12_345_678_901_234_567_890n }, { n: '12345678901234567890' }],
      ['an error', new TypeError('no'), { name: 'TypeError', message: 'no' }],
      [
        'an error with a code',
        Object.assign(new Error('no'), { code: 'ENOENT' }),
        { name: 'Error', message: 'no', code: 'ENOENT' },
      ],
      ['an object with toJSON', { toJSON: () => ({ a: 1n }) }, { a: '1' }],
      [
        'an object whose toJSON gives itself',
        new (class Self {
          a = 1;
          toJSON(): this {
            return this;
          }
        })(),
        { a: 1 },
      ],
    ])('%s', (_, value, expected) => {
      expect(converted(value)).toEqual(expected);
    });
  });

  describe('what JSON cannot say is refused with a reason', () => {
    it.each([
      ['a function', () => 1, 'it holds a function'],
      ['a symbol inside', { a: Symbol('x') }, 'it holds a symbol'],
      ['a map', new Map(), 'it holds a Map'],
      ['a set inside', [new Set()], 'it holds a Set'],
      ['bytes', Buffer.from('x'), 'it holds a Uint8Array'],
      ['a promise', Promise.resolve(), 'it holds a Promise'],
    ])('%s', (_, value, reason) => {
      expect(reasonOf(value)).toBe(reason);
    });

    it('a cycle', () => {
      const value: Record<string, unknown> = {};
      value['self'] = { value };
      expect(reasonOf(value)).toBe('it refers to itself');
    });

    it('a chain of toJSON that never ends', () => {
      const endless = (): object => ({ toJSON: endless, next: { toJSON: endless } });
      expect(reasonOf(endless())).toMatch(/function|nested/);
    });

    it('more than 64 levels', () => {
      const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
      expect(reasonOf(deep(65))).toBe('it is nested more than 64 levels deep');
      expect(toJsonValue(deep(64)).ok).toBe(true);
    });

    it.each([
      ['a long text', 'x'.repeat(1_048_577)],
      ['a sparse array', new Array(4_000_000_000)],
      ['a doubling graph', Array.from({ length: 60 }).reduce<unknown>((node) => [node, node], 1)],
    ])('more than 1 MiB: %s', (_, value) => {
      expect(reasonOf(value)).toBe('it is larger than 1 MiB');
    });

    it('a BigInt whose digits would take seconds', () => {
      expect(reasonOf(1n << 5_000_000n)).toMatch('BigInt');
    });

    it.each([
      [
        'a getter that throws',
        {
          get a(): number {
            throw new Error('boom');
          },
        },
      ],
      [
        'a proxy that throws at everything',
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('boom');
            },
            ownKeys: () => {
              throw new Error('boom');
            },
            getPrototypeOf: () => {
              throw new Error('boom');
            },
          },
        ),
      ],
      [
        'a toJSON that throws null',
        {
          toJSON: () => {
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- what is tested
            throw null;
          },
        },
      ],
    ])('%s', (_, value) => {
      expect(reasonOf(value)).toBe('it threw while it was read');
    });
  });
});
