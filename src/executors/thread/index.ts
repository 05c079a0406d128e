export { threadModule } from './thread-module.js';
export type { HandlerModule, HandlerOf, InputOf, ResultOf } from './thread-module.js';
export { threads } from './thread-options.js';
export type { ThreadLimits, ThreadOptions } from './thread-settings.js';
export { processes } from '../process/process-options.js';
export type { ProcessOptions } from '../process/process-settings.js';
export type { ExecutorSource } from '../../ports/executor.js';
export type { ModuleExecutor, ThreadContext, ThreadHandler, ThreadModule } from '../../task/thread-module.js';
