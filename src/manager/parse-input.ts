import { TaskError } from '../task/errors.js';
import {
  describeIssues,
  plainPointer,
  type InputIssue,
  type SchemaResult,
  type StandardSchema,
} from '../task/standard-schema.js';
import type { ResolvedTask } from '../task/task.js';
import { isThenable } from '../task/thenable.js';

/** What parsing gave: the value for the handler, or a `TaskError` `INPUT_INVALID`; another error where the schema threw. */
export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: Error };

/**
 * Parses an input by a task's schema. Answers at once where the schema does.
 *
 * @returns the result, or for an asynchronous schema a promise of the value that rejects with the error.
 */
export function parseInput(schema: StandardSchema | undefined, input: unknown): Parsed | Promise<unknown> {
  if (schema === undefined) return { ok: true, value: input };
  try {
    const result = schema['~standard'].validate(input);
    return isThenable(result) ? parseLater(result) : read(result);
  } catch (error) {
    return { ok: false, error: schemaFailed(error) };
  }
}

/** @throws {TaskError} INPUT_INVALID when the task's schema refuses the input. @throws {Error} when the schema throws. */
export async function checkInput({ input: schema }: ResolvedTask, input: unknown): Promise<void> {
  const parsed = parseInput(schema, input);
  if (parsed instanceof Promise) await parsed;
  else if (!parsed.ok) throw parsed.error;
}

async function parseLater(result: PromiseLike<SchemaResult<unknown>>): Promise<unknown> {
  let parsed: Parsed;
  try {
    parsed = read(await result);
  } catch (error) {
    throw schemaFailed(error);
  }
  if (parsed.ok) return parsed.value;
  throw parsed.error;
}

function read(result: SchemaResult<unknown>): Parsed {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const issues = describeIssues(result.issues);
  const first = issues[0];
  const where = first === undefined ? '' : `: ${placeOf(first)}${first.detail}`;
  const more = result.issues.length > 1 ? ` (and ${result.issues.length - 1} more)` : '';
  return {
    ok: false,
    error: new TaskError('INPUT_INVALID', `The input does not fit the task${where}${more}`, { details: { issues } }),
  };
}

/** The message may be shown to callers, who may have chosen the names. */
function placeOf({ pointer }: InputIssue): string {
  const plain = plainPointer(pointer);
  return plain === '' ? '' : `${plain} `;
}

/** A schema that throws, or answers what is no answer, is at fault itself: nobody knows whether the input is. */
function schemaFailed(cause: unknown): Error {
  return new Error("The input could not be checked: the task's schema threw", { cause });
}
