import type { TaskManager } from '../manager/task-manager.js';
import type { Clock } from '../ports/clock.js';
import type { FileStore } from '../ports/files.js';
import type { Logger } from '../ports/logger.js';
import type { HttpServer } from './http-server.js';

/** How long answers under way may take once all work has ended, in milliseconds. */
const ANSWER_MS = 2_000;

/** What a server is made of, and has to let go. */
export interface ServerParts {
  readonly manager: TaskManager;
  readonly server: HttpServer;
  readonly files: FileStore;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Stops in steps. At once, new runs are refused and `/readyz` says so, while everything else is answered as before;
 * running work may end within the manager's `graceMs`; event streams end; then the server listens no longer, and what
 * is still being answered has two seconds.
 */
export async function drain({ manager, server, files, logger, clock }: ServerParts): Promise<void> {
  logger.info({}, 'shutting down: running work may end first');
  const closed = manager.close();
  server.leave();
  const report = await closed;
  await server.close({ answerMs: ANSWER_MS, clock });
  await files.close();
  logger.info(report, 'shut down');
}
