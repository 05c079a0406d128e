import { pipeline, Transform, type TransformCallback } from 'node:stream';
import { HIDDEN_MESSAGE } from '../http-api/run-resource.js';
import type { ByteStream } from '../ports/files.js';

/**
 * Stands in a stored line, in the place of the comma before `"error"`, where the error's message was not written for
 * callers. JSON never has this character: a reader finds it without parsing the item, however large that is.
 */
export const HIDING = '\t';

const TAB = 0x09;
const LF = 0x0a;

/** What a reader may see. */
export interface ShownOptions {
  /** Every message, or only those that are for callers. */
  readonly exposeErrors: boolean;
  /** How many failures were not stored: where there are any, a last line tells. */
  readonly omitted: number;
}

/** Failures as they are stored, as a reader may see them. */
export function showFailures(stored: ByteStream, options: ShownOptions): ByteStream {
  // What goes wrong with either ends both, and whoever reads learns of it from what he reads.
  return pipeline(stored, new ShownFailures(options), () => undefined);
}

class ShownFailures extends Transform {
  readonly #options: ShownOptions;
  /** What came of the end of a line, from its mark on; null outside of such an end. */
  #end: Buffer[] | null = null;

  constructor(options: ShownOptions) {
    super();
    this.#options = options;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (let rest = chunk; rest.length > 0;) {
      rest = this.#end === null ? this.#pass(rest) : this.#gather(rest, this.#end);
    }
    done();
  }

  override _flush(done: TransformCallback): void {
    const { omitted } = this.#options;
    done(null, omitted === 0 ? undefined : `{"omitted":${omitted}}\n`);
  }

  /** Passes on what comes before the next mark. @returns what comes after it. */
  #pass(bytes: Buffer): Buffer {
    const mark = bytes.indexOf(TAB);
    this.push(mark < 0 ? bytes : bytes.subarray(0, mark));
    if (mark < 0) return NOTHING;
    this.#end = [];
    return bytes.subarray(mark + 1);
  }

  /** Gathers the end of a line, and shows it when it is whole. @returns what comes after it. */
  #gather(bytes: Buffer, end: Buffer[]): Buffer {
    const feed = bytes.indexOf(LF);
    end.push(feed < 0 ? bytes : bytes.subarray(0, feed));
    if (feed < 0) return NOTHING;
    this.#end = null;
    this.push(`,${this.#shown(Buffer.concat(end).toString())}`);
    return bytes.subarray(feed);
  }

  #shown(end: string): string {
    if (this.#options.exposeErrors) return end;
    const { error, ...rest } = JSON.parse(`{${end}`) as { error: object }; // written by FailuresFile
    return JSON.stringify({ error: { ...error, message: HIDDEN_MESSAGE }, ...rest }).slice(1);
  }
}

const NOTHING = Buffer.alloc(0);
