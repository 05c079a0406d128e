import {
  CancelledError,
  ERROR_CODES,
  isTaskError,
  NonRetryableError,
  RetryLaterError,
  steering,
  steeringCodeOf,
  TaskError,
  telling,
  tellsOfRun,
  TimeLimitError,
} from '../../task/errors.js';

/** An error on its way from one thread or process to another: what classes and symbols would lose there. */
export interface CarriedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of any error that has one, such as `ENOENT`. */
  readonly code: string | undefined;
  /** Of a `TaskError`. */
  readonly task: { readonly details: Details; readonly steers: boolean; readonly tells: boolean } | undefined;
}

/** What was thrown: an error, or any other value that can be cloned. */
export type Carried = { readonly error: CarriedError } | { readonly value: unknown };

type Details = Readonly<Record<string, unknown>>;

const MAX_TEXT = 16_384;

/** Takes apart what was thrown. Never throws, and what it gives can be cloned. */
export function pack(thrown: unknown): Carried {
  if (typeof thrown !== 'object' || thrown === null) {
    return { value: typeof thrown === 'function' || typeof thrown === 'symbol' ? 'something was thrown' : thrown };
  }
  const code = read(thrown, 'code');
  return {
    error: {
      name: textOf(thrown, 'name') ?? 'Error',
      message: textOf(thrown, 'message') ?? 'an object without a message was thrown',
      stack: textOf(thrown, 'stack'),
      code: typeof code === 'string' ? code.slice(0, MAX_TEXT) : undefined,
      task: packTask(thrown),
    },
  };
}

function packTask(thrown: object): CarriedError['task'] {
  if (!isTaskError(thrown)) return undefined;
  const details = { ...cloneable(read(thrown, 'details')), ...cloneable({ delayMs: read(thrown, 'delayMs') }) };
  return { details, steers: steeringCodeOf(thrown) !== undefined, tells: tellsOfRun(thrown) };
}

/** The members that JSON can express: details are JSON. */
function cloneable(value: unknown): Details {
  try {
    return JSON.parse(JSON.stringify(value ?? {})) as Details;
  } catch {
    return {};
  }
}

/** Puts together again what {@link pack} took apart. */
export function unpack(carried: Carried): unknown {
  if ('value' in carried) return carried.value;
  const { error } = carried;
  const made = error.task === undefined ? plainError(error) : taskError(error, error.task);
  if (made.name !== error.name) define(made, 'name', error.name);
  if (error.stack !== undefined) define(made, 'stack', error.stack);
  return made;
}

const PLAIN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function plainError({ name, message, code }: CarriedError): Error {
  const known = Object.entries(PLAIN).find(([each]) => each === name)?.[1] ?? Error;
  const error = new known(message);
  if (code !== undefined) define(error, 'code', code, true);
  return error;
}

function taskError({ code, message }: CarriedError, task: NonNullable<CarriedError['task']>): TaskError {
  const { details } = task;
  let error = specialError(code, message, details);
  error ??= new TaskError(ERROR_CODES.find((known) => known === code) ?? 'HANDLER_FAILED', message, { details });
  if (task.tells) telling(error);
  return task.steers && steeringCodeOf(error) === undefined ? steering(error) : error;
}

/** Errors that are more than their code; undefined where the members that they need are not there. */
function specialError(code: string | undefined, message: string, details: Details): TaskError | undefined {
  const { by, reason, limit, limitMs, delayMs } = details;
  if (code === 'RUN_CANCELLED' && typeof by === 'string')
    return new CancelledError({ by, reason: typeof reason === 'string' ? reason : null });
  if (code === 'TIME_LIMIT' && (limit === 'soft' || limit === 'hard') && typeof limitMs === 'number')
    return new TimeLimitError(limit, limitMs);
  if (code === 'RETRY_LATER' && typeof delayMs === 'number') return new RetryLaterError(delayMs, message, { details });
  return code === 'NON_RETRYABLE' ? new NonRetryableError(message, { details }) : undefined;
}

function define(error: Error, name: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, name, { value, enumerable, configurable: true, writable: true });
}

function textOf(thrown: object, name: string): string | undefined {
  const value = read(thrown, name);
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;
}

/** A getter may throw. */
function read(thrown: object, name: string): unknown {
  try {
    return Reflect.get(thrown, name);
  } catch {
    return undefined;
  }
}
