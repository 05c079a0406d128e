/**
 * What zod, valibot, arktype and others have in common: the part of Standard Schema v1 that Errand calls.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: the parsed value, or what is wrong with it. */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Where in the input something is wrong, and what: the form in which `INPUT_INVALID` carries issues. */
export interface InputIssue {
  /** An RFC 6901 JSON pointer from the input's root; `''` is the input itself. */
  readonly pointer: string;
  readonly detail: string;
}

/** The most issues that are reported of one input: 100,000 bad items made 11.9 MB of them. */
export const MAX_ISSUES = 20;

/** The first {@link MAX_ISSUES} issues, each with its JSON pointer (RFC 6901). */
export function describeIssues(issues: readonly SchemaIssue[]): InputIssue[] {
  return issues.slice(0, MAX_ISSUES).map((issue) => ({
    pointer: (issue.path ?? []).map(pointerPart).join(''),
    detail: issue.message.slice(0, 500),
  }));
}

function pointerPart(segment: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof segment === 'object' ? segment.key : segment;
  return `/${String(key).slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
