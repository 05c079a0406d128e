export { BatchProcessor } from './batch/batch-processor.js';
export type { ItemContext, ItemHandler } from './batch/batch-item.js';
export type { BatchOptions, ProcessOptions, StreamOptions } from './batch/batch-options.js';
export type { Items } from './batch/open-source.js';
export type {
  BatchProgress,
  BatchResult,
  CancelledOutcome,
  FailedOutcome,
  KeptOutcomes,
  Outcome,
  SucceededOutcome,
} from './batch/outcome.js';
export { memoryBackend as memory } from './backends/memory/memory-backend.js';
export type { MemoryOptions } from './backends/memory/memory-backend.js';
export { TaskManager, taskManager } from './manager/task-manager.js';
export type { ResultFile, RunHandle, WaitSignal } from './manager/run-handle.js';
export type { RunBranch, RunTree } from './manager/run-tree.js';
export type { Queues } from './manager/queues.js';
export type { Schedules, TriggerOptions } from './manager/schedules.js';
export type {
  AdHocOptions,
  CloseReport,
  EventsOptions,
  FireAndForgetCounts,
  FireAndForgetFunctionOptions,
  FireAndForgetOptions,
  IfActive,
  ListQuery,
  ManagerCounts,
  ManagerOptions,
  QueueInfo,
  RetentionOptions,
  RunPage,
  StartArguments,
  StartOptions,
  StatusCounts,
} from './manager/manager-options.js';
export type { ChildPolicy } from './task/child-policy.js';
export { defineTask } from './task/task.js';
export type { ChildArguments, ChildHandle, ChildOptions, StartChild } from './task/child-handle.js';
export type {
  AnyTask,
  ModuleTaskDefinition,
  RateLimit,
  RunHooks,
  Task,
  TaskDefinition,
  TaskHandler,
  TaskLimits,
  TaskSettings,
} from './task/task.js';
// By a star: TypeScript lets applications fill in an interface that comes so, and refuses one that is named.
export type * from './task/resources.js';
export type { ModuleExecutor, ThreadContext, ThreadHandler, ThreadModule } from './task/thread-module.js';
export type { ExecutorSource } from './ports/executor.js';
export type { RunLog, TaskContext } from './task/task-context.js';
export type { FileOptions, FileResult, FileSource } from './task/file-result.js';
export {
  CancelledError,
  ERROR_CODES,
  hasCode,
  isTaskError,
  NonRetryableError,
  RetryLaterError,
  TaskError,
  TimeLimitError,
} from './task/errors.js';
export type { ErrorCode, TaskErrorOptions } from './task/errors.js';
export type { CancelRequest, Progress, Run, RunError, RunFailure, RunKind } from './task/run.js';
export type { GapEvent, LogLevel, RunEvent, SnapshotEvent, StreamedEvent } from './task/run-event.js';
export { FINAL_STATUSES, isFinal, RUN_STATUSES } from './task/status.js';
export type { FinalStatus, LiveStatus, RunStatus } from './task/status.js';
export type { InputIssue, SchemaIssue, SchemaResult, StandardSchema } from './task/standard-schema.js';
export type { CatchUp, LastRun, Overlap, Schedule, ScheduleDefinition, ScheduleError } from './task/schedule.js';
export type { RetryPolicy } from './task/retry-policy.js';
export type { Backend } from './ports/backend.js';
export type { FileStore } from './ports/files.js';
export type { Clock, Timer } from './ports/clock.js';
export type { Logger } from './ports/logger.js';
export { retry } from './timing/retry.js';
export type { RetryOptions } from './timing/retry.js';
export { sleep } from './timing/sleep.js';
export type { WaitOptions } from './timing/sleep.js';
export { chain, chord } from './workflow/chain.js';
export { each, group } from './workflow/group.js';
export type { GroupInput, GroupOptions, GroupResults } from './workflow/group.js';
export { defineWorkflow } from './workflow/workflow-task.js';
export type { WorkflowDefinition } from './workflow/workflow-task.js';
