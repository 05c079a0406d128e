import type { JobJson } from 'bullmq';

/** What BullMQ answers to the question for a job. */
export interface NextJob {
  readonly job: JobJson | undefined;
  /** Where there is none: when the next delayed one is due, in epoch ms; Infinity where none is delayed. */
  readonly dueAt: number;
  /** How long none is given to anybody, in ms, because of a rate. */
  readonly limitedMs: number;
}

/** Reads `[data, id, limitedMs, delayUntil]`, or nothing at all. */
export function readNext(answer: readonly unknown[]): NextJob {
  const [data, id, limitedMs, delayUntil] = answer;
  const dueAt = typeof delayUntil === 'number' || typeof delayUntil === 'string' ? Number(delayUntil) : 0;
  const job = typeof data === 'object' && data !== null ? ({ ...data, id: String(id) } as JobJson) : undefined;
  return { job, dueAt: dueAt > 0 ? dueAt : Infinity, limitedMs: Number(limitedMs ?? 0) };
}
