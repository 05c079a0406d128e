/** A stretch of time that begins just after `after` and ends with `until`, in epoch milliseconds. */
export interface Span {
  readonly after: number;
  readonly until: number;
}

/** The due times of a plan: instants in epoch milliseconds, ascending, no two the same. */
export interface DueTimes {
  /** The first one after `after`; `undefined` when there is none. */
  next(after: number): number | undefined;
  /** The last ones in the span, at most `max`, ascending. */
  latest(span: Span, max: number): number[];
  /** How many there are in the span. */
  count(span: Span): number;
}
