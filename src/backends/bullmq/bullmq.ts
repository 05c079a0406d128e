import type { Backend } from '../../ports/backend.js';
import { BullmqBackend } from './bullmq-backend.js';
import { type BullmqOptions, checkBullmqOptions } from './bullmq-options.js';
import { serverFor } from './server/connect.js';

/**
 * Runs on a Redis or a PostgreSQL that any number of processes share, in queues of BullMQ's. Needs the package `bullmq`,
 * and `ioredis` or `pg`: whichever is missing is named when the backend is opened.
 *
 * @throws {TypeError|RangeError} when an option is malformed or unknown.
 */
export function bullmq(options: BullmqOptions): Backend {
  const settings = checkBullmqOptions(options);
  return new BullmqBackend(settings, ({ logger }) => serverFor(settings, logger));
}
