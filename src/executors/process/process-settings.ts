/** What `processes()` takes. */
export interface ProcessOptions {
  /** How many processes there are at most, each with one handler: 1 to 1,024. Default one fewer than cores, at least 1. */
  readonly maxProcesses?: number;
  /** How long a process without work is kept, in milliseconds. Default 30,000. */
  readonly idleMs?: number;
  /** Node's options for them, such as `['--max-old-space-size=512']`. Those of this process unless given, but for debuggers and `--eval`. */
  readonly execArgv?: readonly string[];
  /** Their environment. This process's unless given. */
  readonly env?: Readonly<Record<string, string>>;
}

/** {@link ProcessOptions} that were checked, with every default filled in. */
export interface ProcessSettings {
  readonly maxProcesses: number;
  readonly idleMs: number;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>> | undefined;
  /** What is loaded into each process. */
  readonly entry: () => string;
}
