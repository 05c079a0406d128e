export { memoryBackend } from '../backends/memory/memory-backend.js';
export type {
  Accepted,
  Backend,
  BackendEnvironment,
  BackendObserver,
  Holder,
  Lease,
  MaybePromise,
  Moment,
  Outcome,
  Retention,
  RunFilter,
  StoredPage,
  StoredQueue,
  StoredRun,
  TaskCounts,
  Watcher,
  Worker,
  WorkOptions,
} from '../ports/backend.js';
export type { IdempotencyClaim, NewRun } from '../ports/new-run.js';
export type { ScheduleSettings, ScheduleStore, StoredSchedule } from '../ports/schedules.js';
export type { Clock, Timer } from '../ports/clock.js';
export type { Logger } from '../ports/logger.js';
export { RUN_STATUSES, TRANSITIONS } from '../task/status.js';
export { backendContract } from './backend-contract.js';
export type { ContractParts } from './backend-contract.js';
export type { ContractSubject, DrivenClock, MakeBackend } from './contract/stage.js';
export type { ContractRunner } from './contract/suite.js';
export { LeakError, UnsettledError } from './leaks.js';
export { ManualClock, settle } from './manual-clock.js';
export { createTestManager } from './test-manager.js';
export type { TestManager } from './test-manager.js';
export type { SettleLimits, TestManagerOptions, TestMode, TestResources } from './test-manager-options.js';
