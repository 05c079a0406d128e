import type { SchemaIssue, SchemaResult, StandardSchema } from '../task/standard-schema.js';
import { isThenable } from '../task/thenable.js';

/** What a schema answers, or will. */
type Answer = SchemaResult<unknown> | PromiseLike<SchemaResult<unknown>>;

/**
 * Accepts what all of these accept, and leaves it as it was given: the parts of a workflow parse it themselves, and what
 * a schema has made of an input need not be an input of that schema.
 *
 * @returns undefined where none of the parts has a schema.
 */
export function rawSchema(schemas: readonly (StandardSchema | undefined)[]): StandardSchema | undefined {
  const known = schemas.filter((schema) => schema !== undefined);
  if (known.length === 0) return undefined;
  return schemaOf((value) => {
    const answers = known.map((schema) => schema['~standard'].validate(value));
    return whenAll(answers, (results) => together(value, results));
  });
}

/** Accepts a list of at most `max` values that `schema` accepts, and leaves it as it was given. */
export function rawListSchema(schema: StandardSchema | undefined, max: number): StandardSchema {
  return schemaOf((value) => {
    if (!Array.isArray(value)) return { issues: [{ message: 'Expected an array' }] };
    if (value.length > max) return { issues: [{ message: `Expected at most ${max} items; got ${value.length}` }] };
    if (schema === undefined) return { value };
    const answers = value.map((item: unknown) => schema['~standard'].validate(item));
    return whenAll(answers, (results) => together(value, results.map(within)));
  });
}

function schemaOf(validate: StandardSchema['~standard']['validate']): StandardSchema {
  return { '~standard': { version: 1, vendor: 'errand', validate } };
}

function together(value: unknown, results: readonly SchemaResult<unknown>[]): SchemaResult<unknown> {
  const issues = results.flatMap((result): readonly SchemaIssue[] => result.issues ?? []);
  return issues.length === 0 ? { value } : { issues };
}

/** What is wrong with an item of a list is said to be wrong there. */
function within(result: SchemaResult<unknown>, index: number): SchemaResult<unknown> {
  if (result.issues === undefined) return result;
  return { issues: result.issues.map((issue) => ({ ...issue, path: [index, ...(issue.path ?? [])] })) };
}

/** Answers at once where all schemas do. */
function whenAll(
  answers: readonly Answer[],
  then: (results: readonly SchemaResult<unknown>[]) => SchemaResult<unknown>,
): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  if (answers.some(isThenable)) return Promise.all(answers.map((answer) => Promise.resolve(answer))).then(then);
  return then(answers as readonly SchemaResult<unknown>[]);
}
