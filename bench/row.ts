/** Ours, or what it is compared to. */
export type Side = 'ours' | 'peer';

/** How a row is to be measured. */
export interface Measuring {
  /** Fewer items and fewer pairs: to see whether it works, not to judge by. */
  readonly quick: boolean;
}

/** What must be kept: the ratio of ours to the peer's, or our own value. */
export interface Target {
  readonly of: 'ratio' | 'ours';
  readonly most?: number;
  readonly least?: number;
}

/** One line of the table. */
export interface Row {
  /** What `npm run bench -- <name>` calls it. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Absent where there is nothing to keep: a row to compare with. */
  readonly target?: Target;
  /** How often ours and the peer are measured, one right after the other. */
  readonly pairs: number;
  /** False where there is no peer. */
  readonly peer: boolean;
  /** Says what is missing where the row cannot be measured, and how to get it. */
  missing?(): Promise<string | undefined>;
  /** Measures one side once. */
  measure(side: Side, measuring: Measuring): Promise<number>;
  /** Before the first and after the last measurement: servers, for example. */
  open?(measuring: Measuring): Promise<void>;
  close?(): Promise<void>;
}
