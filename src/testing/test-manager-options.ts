import type { ManagerOptions, ResourceDefinitions, Resources } from 'errand';
import { show } from '../task/checks.js';

/** When runs begin: by themselves, as in production, or one by one, as the test says. */
export type TestMode = 'auto' | 'step';

/** Some members of `Resources`; any names where that was not filled in. */
// Empty only until an application has filled it in.
// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type
export type TestResources = [keyof Resources] extends [never] ? Readonly<Record<string, unknown>> : Partial<Resources>;

/** What `createTestManager` takes: all that `TaskManager` does, but the clock, which is the test's own. */
export interface TestManagerOptions extends Omit<ManagerOptions, 'clock' | 'resources'> {
  /** What handlers find in `ctx.resources`: the values themselves, as many as the test needs. Nothing opens or closes them. */
  readonly resources?: TestResources;
  /**
   * `'auto'` (default): a run begins by itself when it is due and a slot is free. `'step'`: every run is held until
   * `runNext()`, `runAll()` or `settleAll()` lets it begin.
   */
  readonly mode?: TestMode;
  /** The time of day that the clock begins with, in epoch milliseconds. Default 2026-01-01T00:00:00Z. */
  readonly now?: number;
}

/** How far `settleAll` goes. */
export interface SettleLimits {
  /** How much time of the clock may pass, in milliseconds. Default ten years. */
  readonly maxMs?: number;
  /** How often the clock may be moved. Default 100,000. */
  readonly maxSteps?: number;
}

const MODES: readonly unknown[] = ['auto', 'step'] satisfies readonly TestMode[];

/** The part of the options that is the manager's, and the test's own with defaults filled in. */
export function splitOptions({ mode = 'auto', now, resources = {}, ...manager }: TestManagerOptions): {
  readonly mode: TestMode;
  readonly now: number | undefined;
  readonly manager: Omit<ManagerOptions, 'clock'>;
} {
  if (!MODES.includes(mode)) throw new RangeError(`mode must be 'auto' or 'step'; got ${show(mode)}`);
  if (now !== undefined && !Number.isFinite(now))
    throw new RangeError(`now must be a time in epoch milliseconds; got ${show(now)}`);
  if ('clock' in manager) throw new TypeError('a test manager has a clock of its own: move it with advance()');
  return { mode, now, manager: { ...manager, resources: alreadyOpen(resources) } };
}

/** Definitions of what is there already. */
function alreadyOpen(resources: TestResources): ResourceDefinitions {
  const definitions = Object.entries(resources).map(([name, value]: [string, unknown]) => [
    name,
    { open: () => value },
  ]);
  return Object.fromEntries(definitions) as ResourceDefinitions;
}
