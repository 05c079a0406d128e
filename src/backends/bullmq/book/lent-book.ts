/** BullMQ's name for how many jobs of a queue may be active, among what it keeps of one. */
export const CONCURRENCY = 'concurrency';
/** Ours for how many of them may be at work: those that are lent are active, and not at work. */
export const AT_WORK_MOST = 'errand.concurrency';

/**
 * How many jobs of a lane may be at work, and the slots that some of them have lent: see {@link FleetBook}. BullMQ lets as
 * many be active as may be at work and are lent, from the step on in which anything of that changes.
 *
 * A slot is lent by the holder of a job's lock, who takes it back before the job is moved. Those of holders that have died
 * go with their locks.
 */
export interface LentBook {
  /** @param most how many jobs of a lane may be at work at once; null: as many as there are. */
  limitLane(lane: string, most: number | null): Promise<void>;
  /** Nothing happens where the lane has no limit, or the lock is another's. @returns whether the slot is lent now. */
  lend(lane: string, jobId: string, token: string): Promise<boolean>;
  /**
   * Takes a slot back as soon as there is one; asked again and again. From the first time on no run begins in it.
   *
   * @param force whether there is one or not: the handler goes on in any case.
   * @returns whether it was taken back, or was not lent.
   */
  takeBack(lane: string, jobId: string, whose: { readonly token: string; readonly force: boolean }): Promise<boolean>;
  /**
   * Slots of jobs whose locks have run out, or will within so many ms, go. To be called before those jobs are: until then
   * they count as active, and afterwards too many would be.
   *
   * @param now by the computer's own clock, as BullMQ's times are.
   */
  dropLent(withinMs: number, now: number): Promise<void>;
}
