import { FrameBytes, TOO_LARGE, type Frame, type RecordReader } from './frame.js';
import { badRecord, type ImportRecord } from './import-record.js';
import { isSpace, jsonRecord } from './json-text.js';

const LF = 0x0a;

/** Reads a file of one JSON value on each line, in UTF-8; lines of nothing but white space are counted and skipped. */
export class NdjsonReader implements RecordReader {
  readonly #bytes = new FrameBytes();
  #line = 0;

  cut(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#finish(frames, chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#bytes.add(chunk.subarray(start));
    return frames;
  }

  end(): Frame[] {
    const frames: Frame[] = [];
    this.#finish(frames, Buffer.alloc(0));
    return frames;
  }

  read(frames: readonly Frame[], first: number): ImportRecord[] {
    return frames.map(({ line, bytes, problem }, offset) => {
      const place = { index: first + offset, line };
      return bytes === null ? badRecord(place, problem) : jsonRecord(place, bytes);
    });
  }

  #finish(frames: Frame[], last: Buffer): void {
    this.#line += 1;
    const bytes = this.#bytes.take(last);
    if (bytes === null) frames.push({ line: this.#line, bytes, problem: TOO_LARGE });
    else if (!bytes.every(isSpace)) frames.push({ line: this.#line, bytes, problem: null });
  }
}
