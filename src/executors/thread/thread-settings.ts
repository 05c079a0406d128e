/** What `threads()` takes. */
export interface ThreadOptions {
  /** How many threads there are at most, each with one handler: 1 to 1,024. Default one fewer than cores, at least 1. */
  readonly maxThreads?: number;
  /** How long a thread without work is kept, in milliseconds. Default 30,000. */
  readonly idleMs?: number;
  /** What one thread may use, in MiB; one that needs more ends, and its attempt fails with `EXECUTOR_LOST`. Node's defaults unless given. */
  readonly resourceLimits?: ThreadLimits;
  /** Node's options for the threads, such as `['--import', 'tsx']`. Those of this process unless given. */
  readonly execArgv?: readonly string[];
  /** The environment of the threads. A copy of this process's unless given. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Sizes of one thread, in MiB: those of `resourceLimits` of `node:worker_threads`. */
export interface ThreadLimits {
  readonly maxOldGenerationSizeMb?: number;
  readonly maxYoungGenerationSizeMb?: number;
  readonly codeRangeSizeMb?: number;
  readonly stackSizeMb?: number;
}

/** {@link ThreadOptions} that were checked, with every default filled in. */
export interface ThreadSettings extends ThreadOptions {
  readonly maxThreads: number;
  readonly idleMs: number;
  /** What is loaded into each thread. */
  readonly entry: () => string;
}
