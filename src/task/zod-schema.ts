import type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.js';
import { isThenable } from './thenable.js';

/** What is called of a schema of zod, 3 or 4, beside its Standard Schema. */
interface ZodSchema extends StandardSchema {
  readonly safeParseAsync: (value: unknown) => Promise<ZodAnswer>;
}

type ZodAnswer =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly error: { readonly issues: readonly SchemaIssue[] } };

/**
 * The schema, in a form that loses no rejection. What zod offers as Standard Schema tries each value synchronously
 * first; where it comes upon a promise it drops that and begins anew, and a dropped promise that rejects ends the
 * process. So a schema of zod is asked by its own asynchronous parsing where it holds an `async` function, and from the
 * first promise on that it answers with. Not before that promise where the function is no `async` one, or is hidden in
 * another, as that of `superRefine` is.
 */
export function withoutLostRejections(schema: StandardSchema): StandardSchema {
  if (!isZod(schema)) return schema;
  const standard = schema['~standard'];
  let asynchronous: boolean | undefined;
  const validate = (value: unknown): ReturnType<typeof standard.validate> => {
    // Looked for only now: parts that are read later may not have been there when the task was defined.
    asynchronous ??= holdsAsyncFunction(schema);
    if (asynchronous) return parseLater(schema, value);
    const result = standard.validate(value);
    if (isThenable(result)) asynchronous = true;
    return result;
  };
  return { '~standard': { version: 1, vendor: standard.vendor, validate } };
}

function isZod(schema: StandardSchema): schema is ZodSchema {
  return schema['~standard'].vendor === 'zod' && typeof Reflect.get(schema, 'safeParseAsync') === 'function';
}

async function parseLater(schema: ZodSchema, value: unknown): Promise<SchemaResult<unknown>> {
  const answer = await schema.safeParseAsync(value);
  return answer.success ? { value: answer.data } : { issues: answer.error.issues };
}

/** Getters may make schemas without end. */
const MAX_PARTS = 10_000;

/** @see https://zod.dev/library-authors for `_zod.def` */
function holdsAsyncFunction(schema: StandardSchema): boolean {
  const parts = new Set<unknown>([schema]);
  for (const part of parts) {
    if (Object.prototype.toString.call(part) === '[object AsyncFunction]') return true;
    if (parts.size < MAX_PARTS) for (const inner of partsOf(part)) parts.add(inner);
  }
  return false;
}

function partsOf(part: unknown): readonly unknown[] {
  if (typeof part !== 'object' || part === null) return [];
  const internals: unknown = Reflect.get(part, '_zod');
  if (typeof internals === 'object' && internals !== null) {
    return [Reflect.get(internals, 'def'), Reflect.get(internals, 'check')];
  }
  const lazy: unknown = Reflect.get(part, 'type') === 'lazy' ? Reflect.get(part, 'getter') : undefined;
  if (typeof lazy === 'function') return [Reflect.apply(lazy, undefined, [])];
  // To read a default may be to make one.
  const names = Object.keys(part).filter((name) => name !== 'defaultValue');
  return names.map((name): unknown => Reflect.get(part, name));
}
