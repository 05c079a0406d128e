import { FrameBytes, TOO_LARGE, type Frame, type RecordReader } from './frame.js';
import { badFile, badRecord, type ImportRecord } from './import-record.js';
import { isClosing, isOpening, isSpace, jsonRecord, MAX_NESTING } from './json-text.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Where the reader stands in the array; `'first'` and `'next'` wait for an element to begin. */
type State = 'before' | 'first' | 'next' | 'element' | 'string' | 'escape' | 'after' | 'lost';

const NOT_ARRAY = 'The file must hold one JSON array';
const MISSING = 'An element is missing';
const UNFINISHED = 'The file ends within the array';
const TRAILING = 'Something follows the end of the array';
const MISMATCH = 'The brackets do not match; what follows in the file cannot be read';

/**
 * Reads the elements of one JSON array, in UTF-8, without ever holding more than one of them. It finds commas and brackets
 * itself, so that an element that is malformed, too large or nested too deep costs only itself; where brackets do not
 * match, the rest of the file is one bad record.
 */
export class JsonArrayReader implements RecordReader {
  readonly #bytes = new FrameBytes();
  /** The brackets that are open within the element; deeper ones are only counted, as the element is refused anyway. */
  readonly #open = new Uint8Array(MAX_NESTING);
  #depth = 0;
  #state: State = 'before';
  #frames: Frame[] = [];

  cut(chunk: Buffer): Frame[] {
    this.#frames = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const before = this.#state;
      this.#state = this.#next(chunk[at] ?? 0);
      if (before === this.#state) continue;
      if (isBetween(before) && isWithin(this.#state)) start = at;
      else if (before === 'element' && !isWithin(this.#state)) this.#finish(chunk.subarray(start, at));
    }
    if (isWithin(this.#state)) this.#bytes.add(chunk.subarray(start));
    return this.#frames;
  }

  end(): Frame[] {
    if (this.#state === 'before') throw badFile(NOT_ARRAY);
    this.#frames = [];
    if (this.#state !== 'after' && this.#state !== 'lost') this.#report(UNFINISHED);
    return this.#frames;
  }

  read(frames: readonly Frame[], first: number): ImportRecord[] {
    return frames.map(({ line, bytes, problem }, offset) => {
      const place = { index: first + offset, line };
      return bytes === null ? badRecord(place, problem) : jsonRecord(place, bytes);
    });
  }

  #next(byte: number): State {
    switch (this.#state) {
      case 'string':
        return byte === BACKSLASH ? 'escape' : byte === QUOTE ? 'element' : 'string';
      case 'escape':
        return 'string';
      case 'element':
        return this.#withinElement(byte);
      case 'first':
      case 'next':
        return isSpace(byte) ? this.#state : this.#betweenElements(byte);
      case 'before':
        if (byte === OPEN_ARRAY) return 'first';
        if (isSpace(byte)) return 'before';
        throw badFile(NOT_ARRAY);
      case 'after':
        return isSpace(byte) ? 'after' : this.#lose(TRAILING);
      case 'lost':
        return 'lost';
    }
  }

  #betweenElements(byte: number): State {
    if (byte !== COMMA && byte !== CLOSE_ARRAY) return this.#withinElement(byte);
    if (byte === COMMA || this.#state === 'next') this.#report(MISSING);
    return byte === COMMA ? 'next' : 'after';
  }

  #withinElement(byte: number): State {
    if (byte === QUOTE) return 'string';
    if (isOpening(byte)) return this.#descend(byte);
    if (isClosing(byte)) return this.#ascend(byte);
    return byte === COMMA && this.#depth === 0 ? 'next' : 'element';
  }

  #descend(bracket: number): State {
    this.#open[this.#depth] = bracket; // does nothing beyond the end of the array
    this.#depth += 1;
    return 'element';
  }

  #ascend(bracket: number): State {
    if (this.#depth === 0) return bracket === CLOSE_ARRAY ? 'after' : this.#lose(MISMATCH);
    this.#depth -= 1;
    const opened = this.#open[this.#depth];
    // `]` and `}` each stand two after their opening ones in ASCII.
    return opened === undefined || opened + 2 === bracket ? 'element' : this.#lose(MISMATCH);
  }

  #lose(problem: string): State {
    this.#report(problem);
    return 'lost';
  }

  #report(problem: string): void {
    this.#frames.push({ line: null, bytes: null, problem });
  }

  #finish(last: Buffer): void {
    if (this.#state === 'lost') return;
    const bytes = this.#bytes.take(last);
    if (bytes === null) this.#report(TOO_LARGE);
    else this.#frames.push({ line: null, bytes, problem: null });
  }
}

function isBetween(state: State): boolean {
  return state === 'first' || state === 'next';
}

function isWithin(state: State): boolean {
  return state === 'element' || state === 'string' || state === 'escape';
}
