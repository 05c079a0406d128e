import { steering, TaskError } from '../../task/errors.js';

/** The thread or process of a handler is gone. Its message may be shown to callers; why it has gone is the cause. */
export function lost(what: 'thread' | 'process', how: string, cause?: unknown): TaskError {
  return new TaskError('EXECUTOR_LOST', `The ${what} of this attempt ${how}`, cause === undefined ? {} : { cause });
}

/** An input that cannot be cloned will not be another time either. */
export function notCloneable(cause: unknown): TaskError {
  const message: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'message') : undefined;
  const why = typeof message === 'string' ? message : 'it cannot be cloned';
  return steering(new TaskError('INPUT_INVALID', `The input cannot be handed to another thread: ${why}`, { cause }));
}
