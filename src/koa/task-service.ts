import type { TaskManager } from '../manager/task-manager.js';

/** What the routes need of a `TaskManager`. */
export type TaskService = Pick<
  TaskManager,
  'startNamed' | 'hasTask' | 'handle' | 'get' | 'tree' | 'list' | 'cancel' | 'redrive' | 'events' | 'closing'
>;
