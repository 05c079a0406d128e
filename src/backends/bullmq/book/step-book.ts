/** What the book keeps of the steps of runs, until those end or are forgotten: see {@link FleetBook}. */
export interface StepBook {
  /**
   * Keeps a step where none is kept under its key, and the stalls that it was kept after.
   *
   * @returns the text that is kept under the key; null, and keeps nothing, where a later delivery has written, or an end
   * is booked.
   */
  keepStep(
    lane: string,
    jobId: string,
    delivery: number,
    step: { readonly key: string; readonly text: string; readonly stalls: number },
  ): Promise<string | null>;
  /** The texts of all steps of a run, by their keys. */
  stepsOf(jobId: string): Promise<ReadonlyMap<string, string>>;
  /** The run has ended, and BullMQ's job says so: its steps go. For ends in the book, `end` does it. */
  dropSteps(jobId: string): Promise<void>;
}
