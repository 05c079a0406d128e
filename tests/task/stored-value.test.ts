import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeValue, encodeValue } from '../../src/task/stored-value.js';

function textOf(value: unknown): string | null {
  const encoding = encodeValue(value);
  if (!encoding.ok) throw new Error(`refused: ${encoding.reason}`);
  return encoding.text;
}

function stored(value: unknown): unknown {
  return decodeValue(textOf(value));
}

describe('a stored value', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a text with NUL and a lone surrogate', 'a\u0000b\ud800'],
    ['what JSON can say', { a: [1, 'two', true, null], b: { c: {} } }],
    ['a date', new Date('2026-11-21T02:45:00.123Z')],
    ['dates inside', { at: [new Date(0)] }],
    ['a BigInt', { n: -12_345_678_901_234_567_890n }],
    ['NaN and the infinities', [Number.NaN, Infinity, -Infinity, -0]],
    ['an object that looks like a date', { $date: '2026-11-21T00:00:00.000Z' }],
    ['an object that looks like an object', { $object: { $object: { $date: 1 } } }],
    ['an object with two such members', { $date: 1, $error: 2 }],
    ['a member named __proto__', JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":1}}')],
  ])('comes back as it was: %s', (_, value: unknown) => {
    expect(stored(value)).toStrictEqual(value);
  });

  it('has JSON for its text, which others can read', () => {
    expect(textOf({ file: 'a.csv', at: new Date(0) })).toBe(
      '{"file":"a.csv","at":{"$date":"1970-01-01T00:00:00.000Z"}}',
    );
    expect(textOf(undefined)).toBeNull();
  });

  it('is an error with its name, message, code and causes, and no stack', () => {
    const cause = Object.assign(new TypeError('no host'), { code: 'ENOTFOUND' });
    const read = stored({ error: new RangeError('too far', { cause }) }) as { error: Error & { cause: Error } };
    expect(Object.prototype.toString.call(read.error)).toBe('[object Error]');
    expect(String(read.error)).toBe('RangeError: too far');
    expect(String(read.error.cause)).toBe('TypeError: no host');
    expect(Reflect.get(read.error.cause, 'code')).toBe('ENOTFOUND');
    expect(read.error.stack).toBeUndefined();
    expect(Object.keys(read.error)).toEqual([]);
  });

  it('is written as JSON does it where it is an object of some class', () => {
    class Price {
      constructor(readonly cents: number) {}
    }
    expect(stored({ url: new URL('http://a/b'), price: new Price(3), none: undefined })).toStrictEqual({
      url: 'http://a/b',
      price: { cents: 3 },
    });
    expect(stored(new Date(Number.NaN))).toBeNull();
  });

  it.each([
    ['a function', () => 1, 'it holds a function'],
    ['a map', { a: new Map() }, 'it holds a Map'],
    ['bytes', Buffer.from('a'), 'it holds a Uint8Array'],
    ['a promise', [Promise.resolve()], 'it holds a Promise'],
    ['characters of three bytes that make more than 1 MiB', '€'.repeat(400_000), 'it is larger than 1 MiB'],
    ['a date that throws', Object.assign(new Date(), { valueOf: 1, toString: 1 }), 'it threw while it was read'],
  ])('is refused: %s', (_, value: unknown, reason) => {
    expect(encodeValue(value)).toEqual({ ok: false, reason });
  });

  it('is refused where it refers to itself', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(encodeValue(cycle)).toEqual({ ok: false, reason: 'it refers to itself' });
  });

  it.each(['{"$later":"1"}', '{"$date":1}', '{"$error":[]}', 'nothing'])('is not read from %s', (text) => {
    expect(() => decodeValue(text)).toThrow(SyntaxError);
  });

  it('comes back as it was, whatever it is made of', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt(),
      fc.date({ noInvalidDate: true }),
    );
    const key = fc.oneof(fc.string(), fc.constantFrom('$date', '$object', '$error', '__proto__', 'toString'));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc
          .array(fc.tuple(key, tie('value')), { maxLength: 4 })
          .map((entries) => Object.fromEntries(entries) as unknown),
      ),
    }));
    fc.assert(fc.property(value, (each) => expect(stored(each)).toStrictEqual(each)));
  });
});
