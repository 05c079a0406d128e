/** Any task, whatever it takes and returns: what lists of tasks hold. */
export interface AnyTask {
  readonly name: string;
}

declare const types: unique symbol;

/** A task that was defined with `defineTask`. `Input` is what `start` takes, `Result` what a run resolves with. */
export interface Task<in Input, out Result> extends AnyTask {
  /** Never there at run time: carries the types. */
  readonly [types]?: (input: Input) => Result;
}
