import type { Logger } from '../ports/logger.js';
import type { AllRunsWatch } from './all-runs-feed.js';
import type { BodyPatience } from './body-patience.js';
import type { RunWatches } from './run-watches.js';
import type { TaskService } from './task-service.js';

/** What every route works with. */
export interface RouteParts extends BodyPatience {
  readonly manager: TaskService;
  readonly exposeErrors: boolean;
  readonly logger: Logger | undefined;
  readonly watches: RunWatches;
  readonly allRuns: AllRunsWatch;
}
