/**
 * Versions of runs, made without a counter on the server: each delivery of a job has 2^24 of them, and within one, each
 * change has its place. They grow in every life that the table of transitions allows, whoever of the fleet tells of it.
 *
 * 2^53 / 2^24 leaves 2^29 deliveries for all runs of one id together.
 */
const DELIVERY = 2 ** 24;

/** Where a change stands within a delivery. */
export const STEP = {
  /** Accepted; or the job is active. What the handler tells follows, one by one. */
  begun: 1,
  /** A cancel was asked for; what the handler tells from then on follows. */
  cancelling: 2 ** 23,
  /** It waits for its next attempt. */
  retrying: DELIVERY - 4,
  /** It waits for a slot again. */
  queued: DELIVERY - 3,
  final: DELIVERY - 2,
} as const;

/** The version of a change of the delivery with this number; 0 before the first. */
export function versionOf(base: number, delivery: number, step: number): number {
  return base + delivery * DELIVERY + step;
}

/** What the versions of the next run of an id count from. */
export function baseAfter(version: number): number {
  return Math.ceil(version / DELIVERY) * DELIVERY + DELIVERY;
}
