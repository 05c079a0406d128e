import { isUint8Array } from 'node:util/types';
import { Breather } from '../batch/breather.js';
import type { ByteStream } from '../ports/files.js';
import { CsvReader } from './csv-records.js';
import type { Frame, RecordReader } from './frame.js';
import type { ImportFormat, ImportRecord } from './import-record.js';
import { JsonArrayReader } from './json-array-records.js';
import { NdjsonReader } from './ndjson-records.js';

/** How much is cut at a time, and how many records are read at a time: about a millisecond's work each. */
const PIECE_BYTES = 65_536;
const BATCH_RECORDS = 256;
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);

const READERS: Readonly<Record<ImportFormat, () => RecordReader>> = {
  csv: () => new CsvReader(),
  ndjson: () => new NdjsonReader(),
  json: () => new JsonArrayReader(),
};

/**
 * Reads the records of a file as they are asked for, holding one piece of it and one record at most. What is wrong with a
 * record makes it a bad record; the file goes on. A byte order mark is skipped.
 *
 * The source is destroyed when the iteration ends, is left early, or fails, also when it is left before its first record.
 * Destroying the source ends the iteration with its error.
 *
 * @param wants which records to give: the others are passed over, at the cost of counting them.
 * @throws {TaskError} INPUT_INVALID when the whole file is wrong: no header or a bad one (CSV), not an array (JSON).
 * @throws the source's error, unchanged.
 */
export function readRecords(
  source: ByteStream,
  format: ImportFormat,
  wants: (index: number) => boolean = () => true,
): AsyncIterableIterator<ImportRecord> {
  const records = recordsOf(source, READERS[format](), wants);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => records.next(),
    return: () => {
      source.destroy(); // a generator that has not begun would leave it open
      return records.return(undefined);
    },
  };
}

/**
 * Counts the records that {@link readRecords} would give, good and bad, without reading them. The source is destroyed in
 * the end.
 *
 * @param mayGoOn called before each piece; what it throws ends the counting.
 * @throws as {@link readRecords} does.
 */
export async function countFrames(source: ByteStream, format: ImportFormat, mayGoOn?: () => void): Promise<number> {
  const reader = READERS[format]();
  let count = 0;
  for await (const piece of piecesOf(source)) {
    mayGoOn?.();
    count += reader.cut(piece).length;
  }
  return count + reader.end().length;
}

async function* recordsOf(
  source: ByteStream,
  reader: RecordReader,
  wants: (index: number) => boolean,
): AsyncGenerator<ImportRecord, undefined, undefined> {
  const breather = new Breather();
  let index = 0;
  for await (const frames of framesOf(source, reader)) {
    for (let at = 0; at < frames.length; at += BATCH_RECORDS) {
      if (breather.due()) await breather.rest();
      const batch = frames.slice(at, at + BATCH_RECORDS);
      if (!batch.some((_, offset) => wants(index + at + offset))) continue;
      for (const record of reader.read(batch, index + at)) if (wants(record.index)) yield record;
    }
    index += frames.length;
  }
}

async function* framesOf(source: ByteStream, reader: RecordReader): AsyncGenerator<Frame[], undefined, undefined> {
  for await (const piece of piecesOf(source)) {
    const frames = reader.cut(piece);
    if (frames.length > 0) yield frames;
  }
  const last = reader.end();
  if (last.length > 0) yield last;
}

/** The bytes of the source without a byte order mark, in small pieces. */
async function* piecesOf(source: ByteStream): AsyncGenerator<Buffer, undefined, undefined> {
  const breather = new Breather();
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    let bytes = bufferOf(chunk);
    if (head !== undefined) {
      head = Buffer.concat([head, bytes]);
      if (head.length < BYTE_ORDER_MARK.length) continue;
      bytes = withoutMark(head);
      head = undefined;
    }
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      if (breather.due()) await breather.rest();
      yield bytes.subarray(at, at + PIECE_BYTES);
    }
  }
  if (head !== undefined) yield head;
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? bytes.subarray(BYTE_ORDER_MARK.length)
    : bytes;
}

function bufferOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (isUint8Array(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError('Records are read from a stream of bytes');
}
