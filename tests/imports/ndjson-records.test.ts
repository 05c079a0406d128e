import { describe, expect, test } from '@jest/globals';
import { MAX_RECORD_BYTES } from '../../src/imports/import-record.js';
import { readAll } from './read-all.js';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('NDJSON records', () => {
  test('are the values of the lines, of any type', async () => {
    expect(await readAll('ndjson', '{"a":1}\n[2]\n"three"\r\nnull\n4')).toEqual([
      { index: 0, line: 1, item: { a: 1 } },
      { index: 1, line: 2, item: [2] },
      { index: 2, line: 3, item: 'three' },
      { index: 3, line: 4, item: null },
      { index: 4, line: 5, item: 4 },
    ]);
  });

  test('count blank lines, which are no records', async () => {
    expect(await readAll('ndjson', '\n1\n \t\r\n\n2\n\n')).toEqual([
      { index: 0, line: 2, item: 1 },
      { index: 1, line: 5, item: 2 },
    ]);
  });

  test('of an empty file are none', async () => {
    for (const content of ['', '\n\n', '\ufeff']) expect(await readAll('ndjson', content, 2)).toEqual([]);
  });

  test('are the same however the file is cut', async () => {
    const content = '\ufeff{"ä":"👍\\n"}\n{"b":[1,2,3]}\nnope\n';
    const whole = await readAll('ndjson', content, 1_000);
    expect(whole).toHaveLength(3);
    for (let size = 1; size < 12; size += 1) expect(await readAll('ndjson', content, size)).toEqual(whole);
  });

  test('have __proto__ as a member of their own', async () => {
    const [record] = await readAll('ndjson', '{"__proto__":{"polluted":1}}');
    expect(JSON.stringify(record?.item)).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  describe('a bad line', () => {
    test('of malformed JSON is told without its content, and the file goes on', async () => {
      expect(await readAll('ndjson', '{"secret":}\n2\n')).toEqual([
        { index: 0, line: 1, problem: 'The text is not valid JSON' },
        { index: 1, line: 2, item: 2 },
      ]);
    });

    test('nested more than 64 deep is told; 64 are read', async () => {
      const [good, bad, next] = await readAll('ndjson', `${nested(64)}\n${nested(65)}\n"\\"${nested(65)}"\n`, 100);
      expect(good).not.toHaveProperty('problem');
      expect(bad?.problem).toBe('The value is nested more than 64 deep');
      expect(next).not.toHaveProperty('problem');
    });

    test('above 1 MiB is told; one of exactly 1 MiB is read', async () => {
      const text = (length: number): string => `"${'x'.repeat(length - 2)}"`;
      const content = `${text(MAX_RECORD_BYTES)}\n${text(MAX_RECORD_BYTES + 1)}\n3\n`;
      const [good, bad, next] = await readAll('ndjson', content, 65_536);
      expect(good).not.toHaveProperty('problem');
      expect(bad).toEqual({ index: 1, line: 2, problem: `The record is larger than ${MAX_RECORD_BYTES} bytes` });
      expect(next).toEqual({ index: 2, line: 3, item: 3 });
    });

    test('that is no UTF-8 is told, not repaired', async () => {
      const content = Buffer.concat([Buffer.from('"'), Buffer.of(0xc3), Buffer.from('"\n"é"')]);
      expect(await readAll('ndjson', content)).toEqual([
        { index: 0, line: 1, problem: 'The text is not valid UTF-8' },
        { index: 1, line: 2, item: 'é' },
      ]);
    });
  });
});
