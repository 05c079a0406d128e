import type { BullmqSettings } from '../bullmq-options.js';
import { MAX_MESSAGE_BYTES, MAX_UNREAD_MESSAGES } from './fleet-messages.js';

/** How many events BullMQ keeps of a queue: its name for that, among what it keeps of one. */
export const MAX_EVENTS = 'opts.maxLenEvents';

/** What BullMQ's scripts are told of this process. */
export function jobOptions({ lockMs, stalledCheckMs }: BullmqSettings): {
  lockDuration: number;
  maxStalledCount: number;
  stalledInterval: number;
} {
  return {
    lockDuration: lockMs,
    // How many crashes a run may have is counted by us.
    maxStalledCount: 1_000_000_000,
    // One process looks at a time. Shorter than our timers, or every second look would find that it comes too early.
    stalledInterval: Math.floor(stalledCheckMs * 0.9),
  };
}

/** How the processes of a fleet tell one another. */
export function relayOptions({ callTimeoutMs }: BullmqSettings, processId: string) {
  return {
    nodeId: processId,
    namespace: 'errand',
    // A connection on which it hears nothing for longer is taken for lost.
    blockTimeout: callTimeoutMs,
    maxMessageSize: MAX_MESSAGE_BYTES,
    inboxMaxLength: MAX_UNREAD_MESSAGES,
  };
}
