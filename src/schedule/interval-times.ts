import type { DueTimes, Span } from './due-times.js';

/** Due at `anchorAt` and every `everyMs` before and after it. */
export class IntervalTimes implements DueTimes {
  readonly #everyMs: number;
  readonly #anchorAt: number;

  constructor(everyMs: number, anchorAt: number) {
    this.#everyMs = everyMs;
    this.#anchorAt = anchorAt;
  }

  next(after: number): number {
    return this.#at(this.#passed(after) + 1);
  }

  latest(span: Span, max: number): number[] {
    const length = Math.min(max, this.count(span));
    const last = this.#passed(span.until);
    return Array.from({ length }, (_, index) => this.#at(last - length + 1 + index));
  }

  count({ after, until }: Span): number {
    return Math.max(0, this.#passed(until) - this.#passed(after));
  }

  /** The number of the last due time up to `instant`; that of the anchor is 0. */
  #passed(instant: number): number {
    return Math.floor((instant - this.#anchorAt) / this.#everyMs);
  }

  #at(number: number): number {
    return this.#anchorAt + number * this.#everyMs;
  }
}
