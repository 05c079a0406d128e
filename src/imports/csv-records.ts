import { isUtf8 } from 'node:buffer';
import { parse, type Options } from 'csv-parse/sync';
import { show } from '../task/checks.js';
import { CsvFramer } from './csv-framer.js';
import type { Frame, RecordReader } from './frame.js';
import { badFile, badRecord, type ImportRecord, type RecordPlace } from './import-record.js';

/** How many columns a file may have; a row of more would take long to make an object of. */
export const MAX_COLUMNS = 10_000;
/** How long the header may be, in bytes: its names stand in every item. */
export const MAX_HEADER_BYTES = 65_536;

const NOT_UTF8 = 'The text is not valid UTF-8';
const NOT_CSV = 'The row is not valid CSV';
/** Numbers of columns are checked here, where the row's place is known. */
const OPTIONS = { record_delimiter: ['\r\n', '\n'], relax_column_count: true } satisfies Options;

/** Makes an object of a row's fields. */
type MakeItem = (fields: readonly string[]) => Record<string, string>;

/**
 * Reads the records of a CSV file: RFC 4180 with LF or CRLF, UTF-8, the first record names the columns. Every value is a
 * string, as it stands in the file. A row must have as many fields as the header has.
 */
export class CsvReader implements RecordReader {
  readonly #framer = new CsvFramer();
  #columns = 0;
  #makeItem: MakeItem | undefined;

  cut(chunk: Buffer): Frame[] {
    return this.#withoutHeader(this.#framer.cut(chunk));
  }

  end(): Frame[] {
    const frames = this.#withoutHeader(this.#framer.end());
    if (this.#makeItem === undefined) throw badFile('The file is empty: its first line must name the columns');
    return frames;
  }

  read(frames: readonly Frame[], first: number): ImportRecord[] {
    const readable = frames.flatMap(({ bytes }) => (bytes !== null && isUtf8(bytes) ? [bytes] : []));
    const rows = fieldsOf(readable);
    let next = 0;
    return frames.map(({ line, bytes, problem }, offset) => {
      const place = { index: first + offset, line };
      if (bytes === null) return badRecord(place, problem);
      if (bytes !== readable[next]) return badRecord(place, NOT_UTF8);
      return this.#record(place, rows[next++] ?? null);
    });
  }

  #record(place: RecordPlace, fields: readonly string[] | null): ImportRecord {
    if (fields === null || this.#makeItem === undefined) return badRecord(place, NOT_CSV);
    if (fields.length === this.#columns) return { ...place, item: this.#makeItem(fields) };
    return badRecord(place, `The header has ${this.#columns} columns and this row has ${fields.length}`);
  }

  #withoutHeader(frames: Frame[]): Frame[] {
    const [header] = frames;
    if (this.#makeItem !== undefined || header === undefined) return frames;
    const names = columnNames(header);
    this.#columns = names.length;
    this.#makeItem = itemMaker(names);
    return frames.slice(1);
  }
}

/** The fields of every row, in order; null for one that cannot be read. */
function fieldsOf(rows: readonly Buffer[]): (readonly string[] | null)[] {
  const together = split(Buffer.concat(rows));
  if (together?.length === rows.length) return together;
  // The framer and the parser do not agree on one of them: only by themselves can the others be told from it.
  return rows.map((row) => split(row)?.[0] ?? null);
}

function split(rows: Buffer): string[][] | null {
  try {
    return parse(rows, OPTIONS);
  } catch {
    return null;
  }
}

function columnNames({ bytes, problem }: Frame): string[] {
  if (bytes === null) throw badFile(`The header cannot be read. ${problem}`);
  if (bytes.length > MAX_HEADER_BYTES)
    throw badFile(`The header is ${bytes.length} bytes long; at most ${MAX_HEADER_BYTES} are allowed`);
  const names = isUtf8(bytes) ? split(bytes)?.[0] : undefined;
  if (names === undefined) throw badFile(`The header cannot be read. ${isUtf8(bytes) ? NOT_CSV : NOT_UTF8}`);
  if (bytes.includes(0)) throw badFile('The header holds NUL characters; the file must be text in UTF-8');
  if (/\r(?!\n)/.test(bytes.toString())) throw badFile('The header holds a lone CR; lines must end in LF or CRLF');
  checkNames(names);
  return names;
}

/** @throws {TaskError} INPUT_INVALID saying which column has no name, or one that another column has. */
function checkNames(names: readonly string[]): void {
  const { length } = names;
  if (length > MAX_COLUMNS) throw badFile(`The header has ${length} columns; at most ${MAX_COLUMNS} are allowed`);
  const columns = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    if (name === '') throw badFile(`The header has no name for column ${index + 1}`);
    const other = columns.get(name);
    if (other !== undefined) throw badFile(`The header names columns ${other} and ${index + 1} alike: ${show(name)}`);
    columns.set(name, index + 1);
  }
}

function itemMaker(names: readonly string[]): MakeItem {
  // Assigning to `__proto__` would set the prototype; `fromEntries` defines a member, but takes longer.
  if (names.includes('__proto__'))
    return (fields) => Object.fromEntries(names.map((name, at) => [name, fields[at] ?? '']));
  return (fields) => {
    const item: Record<string, string> = {};
    for (let at = 0; at < names.length; at += 1) item[names[at] ?? ''] = fields[at] ?? '';
    return item;
  };
}
