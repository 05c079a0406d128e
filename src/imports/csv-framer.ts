import { FrameBytes, TOO_LARGE, type Frame } from './frame.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

/** Where the framer stands within a record. */
type State = 'field-start' | 'bare' | 'quoted' | 'quote-ended' | 'quote-ended-cr';

const STRAY_QUOTE = 'A quote stands in a field that does not begin with one';
const AFTER_QUOTE = 'Something other than a comma or the end of the line follows a closing quote';
const UNCLOSED = 'A quote is opened and never closed';

/**
 * Finds where the records of a CSV file begin and end, with their lines, in constant memory. It says which records have
 * wrong quotes, and goes on after such a one at the next end of a line outside of quotes, so that a mistake costs few rows.
 * Lines end in LF or CRLF; blank ones are counted and give no record.
 */
export class CsvFramer {
  readonly #bytes = new FrameBytes();
  #state: State = 'field-start';
  #problem: string | null = null;
  #line = 1;
  #begunAt = 1;

  /** The records that this chunk completes; each includes its line's end. */
  cut(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      if (!this.#endsRecord(chunk[at] ?? 0)) continue;
      this.#finish(frames, chunk.subarray(start, at + 1));
      start = at + 1;
    }
    if (start < chunk.length) this.#bytes.add(chunk.subarray(start));
    return frames;
  }

  /** The last record, when the file does not end in a line's end. */
  end(): Frame[] {
    if (this.#state !== 'quoted') return this.cut(Buffer.of(LF));
    this.#state = 'field-start';
    return [{ line: this.#begunAt, bytes: null, problem: this.#problem ?? UNCLOSED }];
  }

  #endsRecord(byte: number): boolean {
    if (byte === LF) {
      this.#line += 1;
      return this.#state !== 'quoted';
    }
    this.#state = this.#next(byte);
    return false;
  }

  #next(byte: number): State {
    switch (this.#state) {
      case 'quoted':
        return byte === QUOTE ? 'quote-ended' : 'quoted';
      case 'field-start':
        return byte === QUOTE ? 'quoted' : byte === COMMA ? 'field-start' : 'bare';
      case 'bare':
        if (byte === QUOTE) this.#problem ??= STRAY_QUOTE;
        return byte === COMMA ? 'field-start' : 'bare';
      case 'quote-ended':
        if (byte === QUOTE) return 'quoted'; // two quotes stand for one
        if (byte === CR) return 'quote-ended-cr';
        break;
      case 'quote-ended-cr':
        this.#problem ??= AFTER_QUOTE;
        break;
    }
    if (byte === COMMA) return 'field-start';
    this.#problem ??= AFTER_QUOTE;
    return 'bare';
  }

  #finish(frames: Frame[], last: Buffer): void {
    const bytes = this.#bytes.take(last);
    const line = this.#begunAt;
    const problem = bytes === null ? TOO_LARGE : this.#problem;
    this.#state = 'field-start';
    this.#problem = null;
    this.#begunAt = this.#line;
    if (bytes === null || problem !== null) frames.push({ line, bytes: null, problem: problem ?? TOO_LARGE });
    else if (!isBlank(bytes)) frames.push({ line, bytes, problem: null });
  }
}

function isBlank(line: Buffer): boolean {
  return line.length === 1 || (line.length === 2 && line[0] === CR);
}
