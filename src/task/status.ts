/** The statuses of a run that has not ended. */
export const LIVE_STATUSES = ['scheduled', 'queued', 'running', 'retrying', 'cancelling'] as const;
/** The statuses that a run ends with; a run never leaves one. */
export const FINAL_STATUSES = ['completed', 'failed', 'cancelled'] as const;
/** All eight, in the order of a run's life. */
export const RUN_STATUSES = [...LIVE_STATUSES, ...FINAL_STATUSES] as const;

export type LiveStatus = (typeof LIVE_STATUSES)[number];
export type FinalStatus = (typeof FINAL_STATUSES)[number];
/** Where a run is in its life. */
export type RunStatus = (typeof RUN_STATUSES)[number];

/**
 * Every legal step of a run's life; no other exists.
 *
 * - `running → queued`: the lease was lost, or the manager closed on a durable backend; no attempt is used.
 * - `running → cancelled` is missing on purpose: a cancel of a running run goes through `cancelling`.
 * - waiting `→ failed`: `RUN_INTERRUPTED` or `QUEUE_EXPIRED`.
 * - A retry whose delay has passed goes through `queued`, where it waits for a slot.
 */
export const TRANSITIONS: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  scheduled: ['queued', 'cancelled', 'failed'],
  queued: ['running', 'cancelled', 'failed'],
  running: ['completed', 'failed', 'retrying', 'cancelling', 'queued'],
  retrying: ['queued', 'cancelled', 'failed'],
  cancelling: ['cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** How many runs have each status, when none has any. */
export function noCounts(): Record<RunStatus, number> {
  return { scheduled: 0, queued: 0, running: 0, retrying: 0, cancelling: 0, completed: 0, failed: 0, cancelled: 0 };
}

/** Whether a run may go from `from` to `to` in one step. */
export function canMove(from: RunStatus, to: RunStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Whether a run with this status has ended. */
export function isFinal(status: RunStatus): status is FinalStatus {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** Whether a run with this status waits: for its time, for a slot, or for its next attempt. */
export function isWaiting(status: RunStatus): boolean {
  return status === 'queued' || status === 'scheduled' || status === 'retrying';
}
