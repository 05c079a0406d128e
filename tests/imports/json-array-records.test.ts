import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_RECORD_BYTES } from '../../src/imports/import-record.js';
import { readAll, refusal } from './read-all.js';

/** Of a file's records: the items, and the problems of bad ones. */
async function outcomes(content: string | Buffer, size?: number): Promise<unknown[]> {
  const records = await readAll('json', content, size);
  return records.map(({ item, problem }) => problem ?? item);
}

const NOT_JSON = 'The text is not valid JSON';
const MISSING = 'An element is missing';
const UNFINISHED = 'The file ends within the array';
const TRAILING = 'Something follows the end of the array';
const MISMATCH = 'The brackets do not match; what follows in the file cannot be read';

describe('JSON array records', () => {
  test('are the elements, with an index and no line', async () => {
    expect(await readAll('json', '\ufeff [ {"a":"x,]}\\""}\n, [1,[2]] ,"", null,4 ]\n')).toEqual([
      { index: 0, line: null, item: { a: 'x,]}"' } },
      { index: 1, line: null, item: [1, [2]] },
      { index: 2, line: null, item: '' },
      { index: 3, line: null, item: null },
      { index: 4, line: null, item: 4 },
    ]);
  });

  test('of an empty array are none', async () => {
    expect(await readAll('json', ' [ \n] ')).toEqual([]);
  });

  test('of any array read back as they were written, however it is cut', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.jsonValue({ maxDepth: 4 })),
      fc.constantFrom(0, 1, 2),
      fc.integer({ min: 1, max: 30 }),
      async (items, indent, size) => {
        const text = JSON.stringify(items, null, indent);
        expect(await outcomes(text, size)).toEqual(JSON.parse(text));
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  test('of a file that is no array are refused altogether', async () => {
    for (const content of ['', ' ', '{"a":1}', '1', '"[', 'x[]', '\ufeff']) {
      expect(await refusal('json', content)).toEqual({
        code: 'INPUT_INVALID',
        message: 'The file must hold one JSON array',
      });
    }
  });

  describe('a bad element', () => {
    test('costs only itself where its brackets match', async () => {
      expect(await outcomes('[1,{"a":},x,2 3,"\n",4]')).toEqual([1, NOT_JSON, NOT_JSON, NOT_JSON, NOT_JSON, 4]);
    });

    test('that is missing is told', async () => {
      expect(await outcomes('[,1,,2,]')).toEqual([MISSING, 1, MISSING, 2, MISSING]);
    });

    test('with brackets that do not match takes the rest of the file', async () => {
      expect(await outcomes('[1,{"a":]},2]')).toEqual([1, MISMATCH]);
      expect(await outcomes('[1,[2},3]')).toEqual([1, MISMATCH]);
      expect(await outcomes('[}')).toEqual([MISMATCH]);
      expect(await outcomes('[1},2]')).toEqual([MISMATCH]);
    });

    test('at which the file ends is told, and never taken for a whole one', async () => {
      for (const content of ['[', '[1', '["a', '["\\', '[{"a":1', '[{"a":1}']) {
        expect(await outcomes(content)).toEqual([UNFINISHED]);
      }
      expect(await outcomes('[1,2,')).toEqual([1, 2, UNFINISHED]);
    });

    test('is what follows the array, once', async () => {
      expect(await outcomes('[1] [2,3]')).toEqual([1, TRAILING]);
    });

    test('above 1 MiB is told', async () => {
      const large = 'x'.repeat(MAX_RECORD_BYTES);
      const [first, ...others] = await outcomes(`["${large}",${'9'.repeat(2 * MAX_RECORD_BYTES)},{"a":1}]`, 65_536);
      expect(first).toBe(`The record is larger than ${MAX_RECORD_BYTES} bytes`);
      expect(others).toEqual([first, { a: 1 }]);
    });

    test('nested more than 64 deep is told, and those around it are read', async () => {
      const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
      const [good, bad, huge, last] = await outcomes(`[${nested(64)},${nested(65)},${nested(400_000)},4]`, 65_536);
      expect(JSON.stringify(good)).toBe(nested(64));
      expect([bad, huge]).toEqual(['The value is nested more than 64 deep', 'The value is nested more than 64 deep']);
      expect(last).toBe(4);
    });

    test('that is no UTF-8 is told', async () => {
      const content = Buffer.concat([Buffer.from('["'), Buffer.of(0xff), Buffer.from('","é"]')]);
      expect(await outcomes(content)).toEqual(['The text is not valid UTF-8', 'é']);
    });
  });

  test('of any noise never make it throw anything but a refusal, however it is cut', async () => {
    const noise = fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', ',', '"', '\\', '1', ' ', 'a:'),
      maxLength: 40,
    });
    const property = fc.asyncProperty(noise, fc.integer({ min: 1, max: 9 }), async (text, size) => {
      expect(await outcomes(`[${text}`, size)).toEqual(await outcomes(`[${text}`, 1_000));
    });
    await fc.assert(property, { numRuns: 500 });
  });
});
