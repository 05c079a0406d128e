import { Readable } from 'node:stream';
import type { ImportFormat, ImportRecord } from '../../src/imports/import-record.js';
import { readRecords } from '../../src/imports/records.js';

/** What a test compares: a bad record with its message. */
export interface PlainRecord {
  readonly index: number;
  readonly line: number | null;
  readonly item?: unknown;
  readonly problem?: string;
}

export function plain(record: ImportRecord): PlainRecord {
  const { index, line } = record;
  if (record.error === undefined) return { index, line, item: record.item };
  return { index, line, problem: record.error.message };
}

/** A stream of the bytes, in chunks of `size`. */
export function streamOf(content: string | Buffer, size = 7): Readable {
  const bytes = Buffer.from(content);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return Readable.from(chunks);
}

export async function readAll(format: ImportFormat, content: string | Buffer, size?: number): Promise<PlainRecord[]> {
  const records: PlainRecord[] = [];
  for await (const record of readRecords(streamOf(content, size), format)) records.push(plain(record));
  return records;
}

/** What reading rejects with. */
export async function refusal(
  format: ImportFormat,
  content: string | Buffer,
): Promise<{ code: unknown; message: string }> {
  const error: unknown = await readAll(format, content).then(
    () => new Error('nothing was refused'),
    (reason: unknown) => reason,
  );
  const { code, message } = error as { code: unknown; message: string };
  return { code, message };
}
