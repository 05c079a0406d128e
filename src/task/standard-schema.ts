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
  const described = issues.slice(0, MAX_ISSUES).flatMap(splitUnknown);
  return described.slice(0, MAX_ISSUES).map(({ message, path = [] }) => ({
    pointer: path.map(pointerPart).join(''),
    detail: message.slice(0, 500),
  }));
}

/**
 * An issue for each member that nobody expected: zod makes one of all of them, at the object that holds them, and its
 * message repeats their names, which are the sender's own text.
 */
function splitUnknown(issue: SchemaIssue): SchemaIssue[] {
  const { code, keys } = issue as { readonly code?: unknown; readonly keys?: unknown };
  if (code !== 'unrecognized_keys' || !Array.isArray(keys)) return [issue];
  const names: readonly unknown[] = keys.slice(0, MAX_ISSUES);
  return names.map((name) => ({ message: 'There is no such member', path: [...(issue.path ?? []), String(name)] }));
}

const PLAIN_NAME = /^(?:[A-Za-z0-9_$.@ -]|~[01]){1,64}$/;

/**
 * The pointer as far as its names are plain: up to 64 letters, digits, spaces and `_ $ . @ - / ~`. A name may be the
 * sender's own text, and what is answered must not carry that further.
 */
export function plainPointer(pointer: string): string {
  const [root = '', ...names] = pointer.split('/');
  const strange = names.findIndex((name) => !PLAIN_NAME.test(name));
  return [root, ...(strange < 0 ? names : names.slice(0, strange))].join('/');
}

function pointerPart(segment: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof segment === 'object' ? segment.key : segment;
  return `/${String(key).slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
