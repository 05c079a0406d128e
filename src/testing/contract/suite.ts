import { type MakeBackend, Stage, type StageOptions } from './stage.js';

/** The two functions that the suite registers its tests with: those of jest, vitest, node:test or mocha fit. */
export interface ContractRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** Registers the facts of one subject: each is a test on a stage of its own. */
export interface Facts {
  readonly fact: (name: string, act: (stage: Stage) => Promise<void>, options?: StageOptions) => void;
}

/** Ties a subject's facts to a runner and a factory. */
export function factsOf(make: MakeBackend, runner: ContractRunner): Facts {
  return {
    fact: (name, act, options = {}) => {
      runner.it(name, () => Stage.open(make, options, act));
    },
  };
}
