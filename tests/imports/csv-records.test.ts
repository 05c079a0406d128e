import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_RECORD_BYTES } from '../../src/imports/import-record.js';
import { readAll, refusal, streamOf } from './read-all.js';
import { countFrames } from '../../src/imports/records.js';

const LARGE = 'x'.repeat(MAX_RECORD_BYTES);

describe('CSV records', () => {
  describe('items', () => {
    test('are objects of strings by the names in the header', async () => {
      expect(await readAll('csv', 'id,price\n7,1.50\n8,\n')).toEqual([
        { index: 0, line: 2, item: { id: '7', price: '1.50' } },
        { index: 1, line: 3, item: { id: '8', price: '' } },
      ]);
    });

    test('keep commas, quotes, line breaks and spaces of quoted fields as they are', async () => {
      const [record] = await readAll('csv', 'a,b\n" x, ""y""\r\nz\n ",2');
      expect(record?.item).toEqual({ a: ' x, "y"\r\nz\n ', b: '2' });
    });

    test('keep NUL bytes, lone carriage returns and characters beyond ASCII', async () => {
      const [record] = await readAll('csv', 'ä,b\n\0é\rü,"\0👍"\n', 1);
      expect(record?.item).toEqual({ ä: '\0é\rü', b: '\0👍' });
    });

    test('of a column named __proto__ have it as a member of their own', async () => {
      const [record] = await readAll('csv', '__proto__,constructor\npolluted,x\n');
      expect(Object.entries(record?.item as object)).toEqual([
        ['__proto__', 'polluted'],
        ['constructor', 'x'],
      ]);
      expect(JSON.stringify(record?.item)).toBe('{"__proto__":"polluted","constructor":"x"}');
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    test('are read alike whether a byte order mark comes first or not', async () => {
      for (const size of [1, 2, 3, 100]) {
        expect(await readAll('csv', '\ufeff"a"\n1\n', size)).toEqual([{ index: 0, line: 2, item: { a: '1' } }]);
      }
    });

    test('come from a last line without an end too', async () => {
      expect(await readAll('csv', 'a\r\n1\r\n"2"\r')).toEqual([
        { index: 0, line: 2, item: { a: '1' } },
        { index: 1, line: 3, item: { a: '2' } },
      ]);
    });

    test('of a file with nothing but a header are none', async () => {
      expect(await readAll('csv', 'a,b\n')).toEqual([]);
    });
  });

  describe('lines', () => {
    const lines = async (content: string): Promise<(number | null)[]> =>
      (await readAll('csv', content)).map(({ line }) => line);

    test('are those on which the records begin', async () => {
      expect(await lines('a,b\n"1\n\n\n",2\n3,4\n"5\n",6\n7,8\n')).toEqual([2, 6, 7, 9]);
    });

    test('count CRLF once, within quotes too', async () => {
      expect(await lines('a,b\r\n"1\r\n\r\n",2\r\n3,4\r\n5,6')).toEqual([2, 5, 6]);
    });

    test('count blank lines, which are no records', async () => {
      expect(await lines('\n\r\na\n\n1\r\n\r\n\n2\n\n')).toEqual([5, 8]);
    });

    test('count the lines of a header that spans several', async () => {
      expect(await lines('"a\nb",c\n1,2\n')).toEqual([3]);
    });
  });

  describe('a bad row', () => {
    test('with too few or too many fields says so, and the file goes on', async () => {
      expect(await readAll('csv', 'a,b\n1\n1,2,3\n4,5\n')).toEqual([
        { index: 0, line: 2, problem: 'The header has 2 columns and this row has 1' },
        { index: 1, line: 3, problem: 'The header has 2 columns and this row has 3' },
        { index: 2, line: 4, item: { a: '4', b: '5' } },
      ]);
    });

    test('with a quote in an unquoted field costs only itself', async () => {
      expect(await readAll('csv', 'a,b\n5" pipe,1\n2,3\n')).toEqual([
        { index: 0, line: 2, problem: expect.stringMatching(/quote stands in a field/) },
        { index: 1, line: 3, item: { a: '2', b: '3' } },
      ]);
    });

    test('with text after a closing quote costs only itself', async () => {
      for (const row of ['"x"y,1', '"x" ,1', '"x"\ry,1', '"x"\r,1', '1,"x"y"z"', '"x"\0,1']) {
        expect(await readAll('csv', `a,b\n${row}\n2,3\n`)).toEqual([
          { index: 0, line: 2, problem: expect.stringMatching(/follows a closing quote/) },
          { index: 1, line: 3, item: { a: '2', b: '3' } },
        ]);
      }
    });

    test('with a quote that is never closed takes the rest of the file', async () => {
      expect(await readAll('csv', 'a,b\n1,2\n"3,4\n5,6\n7,8\n')).toEqual([
        { index: 0, line: 2, item: { a: '1', b: '2' } },
        { index: 1, line: 3, problem: 'A quote is opened and never closed' },
      ]);
    });

    test('that is no UTF-8 is told, and its neighbours are read', async () => {
      const content = Buffer.concat([Buffer.from('a\nü\n'), Buffer.of(0xfc, 0x0a), Buffer.from('é\n')]);
      expect(await readAll('csv', content, 100)).toEqual([
        { index: 0, line: 2, item: { a: 'ü' } },
        { index: 1, line: 3, problem: 'The text is not valid UTF-8' },
        { index: 2, line: 4, item: { a: 'é' } },
      ]);
    });

    test('above 1 MiB is told, whether in one field or after a quote', async () => {
      for (const row of [LARGE, `"${LARGE}"`, `"${LARGE}`.replaceAll('xxxxxxxx', 'x\n'.repeat(8)) + '"']) {
        const [bad, next] = await readAll('csv', `a\n${row}\nnext\n`, 65_536);
        expect(bad).toEqual({ index: 0, line: 2, problem: `The record is larger than ${MAX_RECORD_BYTES} bytes` });
        expect(next?.item).toEqual({ a: 'next' });
      }
    });

    test('shows nothing of its content', async () => {
      const rows = await readAll('csv', 'a,b\nsecret\n"secret"x,1\nsecret",2\n"secret');
      expect(rows).toHaveLength(4);
      expect(JSON.stringify(rows)).not.toContain('secret');
    });
  });

  describe('a file', () => {
    test('without a header is refused', async () => {
      for (const content of ['', '\ufeff', '\n\n', '\r\n']) {
        expect(await refusal('csv', content)).toEqual({
          code: 'INPUT_INVALID',
          message: 'The file is empty: its first line must name the columns',
        });
      }
    });

    test('with a column without a name is refused, and told which', async () => {
      expect(await refusal('csv', 'a,,c\n1,2,3\n')).toEqual({
        code: 'INPUT_INVALID',
        message: 'The header has no name for column 2',
      });
    });

    test('with a name twice is refused, and told where', async () => {
      expect(await refusal('csv', 'a,b,"a"\n')).toEqual({
        code: 'INPUT_INVALID',
        message: 'The header names columns 1 and 3 alike: "a"',
      });
    });

    test('whose header cannot be read is refused', async () => {
      const contents = ['"a', 'a"\n', LARGE, Buffer.of(0xff, 0xfe, 0x61, 0x00), Buffer.from('a,b\n1,2\n', 'utf16le')];
      for (const content of contents) expect((await refusal('csv', content)).code).toBe('INPUT_INVALID');
    });

    test('of more than 10,000 columns is refused', async () => {
      const header = Array.from({ length: 10_001 }, (_, at) => `c${at}`).join(',');
      expect((await refusal('csv', header)).message).toBe('The header has 10001 columns; at most 10000 are allowed');
    });

    test('with a header of more than 65,536 bytes is refused, and one of just as many is read', async () => {
      const header = `a,${'b'.repeat(65_533)}\n`;
      expect(await readAll('csv', `${header}1,2\n`)).toHaveLength(1);
      expect((await refusal('csv', `x${header}1,2\n`)).message).toBe(
        'The header is 65537 bytes long; at most 65536 are allowed',
      );
    });

    test('with lines that end in CR alone is refused rather than read as one long header', async () => {
      expect((await refusal('csv', 'a,b\r1,2\r3,4\r')).message).toMatch(/lines must end in LF or CRLF/i);
    });
  });

  describe('any table', () => {
    const field = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', '\r\n', ' ', 'é', '👍', '\0'), maxLength: 8 }),
      fc.constant(''),
    );
    const row = (
      columns: number,
    ): fc.Arbitrary<{ fields: string[]; quoted: boolean[]; blanks: string[]; end: string }> =>
      fc.record({
        fields: fc.array(field, { minLength: columns, maxLength: columns }),
        quoted: fc.array(fc.boolean(), { minLength: columns, maxLength: columns }),
        blanks: fc.array(fc.constantFrom('\n', '\r\n'), { maxLength: 2 }),
        end: fc.constantFrom('\n', '\r\n'),
      });
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((columns) => fc.array(row(columns), { minLength: 1, maxLength: 12 }));

    test('reads back as it was written, with its indexes and lines, however it is cut', async () => {
      await fc.assert(
        fc.asyncProperty(table, fc.integer({ min: 1, max: 40 }), fc.boolean(), async (rows, size, endsInLine) => {
          const { text, lines } = write(rows, endsInLine);
          const expected = rows.map(({ fields }, index) => ({
            index,
            line: lines[index],
            item: Object.fromEntries(fields.map((value, at) => [`c${at}`, value])),
          }));
          expect(await readAll('csv', text, size)).toEqual(expected);
          expect(await countFrames(streamOf(text, size), 'csv')).toBe(rows.length);
        }),
        { numRuns: 300 },
      );
    });

    test('however broken gives the same records however it is cut, each with its index and a growing line', async () => {
      const noise = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', '""', '\0', '",'), maxLength: 60 });
      await fc.assert(
        fc.asyncProperty(noise, fc.integer({ min: 1, max: 9 }), async (text, size) => {
          const records = await readAll('csv', `a,b\n${text}`, 1_000);
          expect(await readAll('csv', `a,b\n${text}`, size)).toEqual(records);
          expect(records.map(({ index }) => index)).toEqual(records.map((_, at) => at));
          const lines = records.map(({ line }) => line ?? 0);
          expect(lines).toEqual([...new Set(lines)].sort((one, other) => one - other));
          expect(records.filter(({ problem }) => problem === 'The row is not valid CSV')).toEqual([]);
        }),
        { numRuns: 500 },
      );
    });
  });
});

interface WrittenRow {
  readonly fields: readonly string[];
  readonly quoted: readonly boolean[];
  readonly blanks: readonly string[];
  readonly end: string;
}

/** A writer for the test only: quotes where it must and where chance says so, and notes the line of each row. */
function write(rows: readonly WrittenRow[], endsInLine: boolean): { text: string; lines: number[] } {
  const columns = rows[0]?.fields.length ?? 1;
  let text = `${Array.from({ length: columns }, (_, at) => `c${at}`).join(',')}\n`;
  const lines: number[] = [];
  for (const { fields, quoted, blanks, end } of rows) {
    text += blanks.join('');
    lines.push(text.split('\n').length);
    text += fields.map((value, at) => inQuotes(value, quoted[at] === true || columns === 1)).join(',') + end;
  }
  return { text: endsInLine ? text : text.replace(/\r?\n$/, ''), lines };
}

function inQuotes(value: string, always: boolean): string {
  return always || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
