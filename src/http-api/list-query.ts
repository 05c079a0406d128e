import { z } from 'zod';
import { RUN_STATUSES } from '../task/status.js';
import { nameSchema, tagSchema } from './start-request.js';

/** How many runs a page holds at most, and how many unless the query says otherwise. */
export const MAX_PAGE = 200;
export const DEFAULT_PAGE = 50;

/** How many: an integer from 1 to 200, as a query says it. */
export const limitSchema = z
  .string()
  .regex(/^[0-9]{1,3}$/)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= MAX_PAGE);

const MEMBERS = {
  status: z.array(z.enum(RUN_STATUSES)).min(1).readonly(),
  task: nameSchema,
  tag: tagSchema,
  limit: limitSchema,
  cursor: z.string().min(1).max(2_000),
} as const;

/** What each value has to be, for the detail of a problem. */
const EXPECTED: Record<keyof typeof MEMBERS, string> = {
  status: `one of ${RUN_STATUSES.join(', ')}`,
  task: "a task's name",
  tag: 'a tag',
  limit: `an integer from 1 to ${MAX_PAGE}`,
  cursor: 'the nextCursor of an earlier page',
};

/** The query of `GET /process`. Unknown values are refused. */
export const listQuerySchema = z.strictObject({
  /** May be repeated. */
  status: MEMBERS.status.exactOptional(),
  task: MEMBERS.task.exactOptional(),
  tag: MEMBERS.tag.exactOptional(),
  /** 1 to 200, default 50. */
  limit: MEMBERS.limit.default(DEFAULT_PAGE),
  /** The `nextCursor` of the page before: a place in the order of all runs, whatever else the query says. */
  cursor: MEMBERS.cursor.exactOptional(),
});

/** What `GET /process` lists. */
export type ListRequest = z.infer<typeof listQuerySchema>;

/** What {@link parseListQuery} found: the request, or what is wrong. */
export type ParsedList =
  { readonly ok: true; readonly request: ListRequest } | { readonly ok: false; readonly detail: string };

/** Checks the query of `GET /process`: one text for each value, a list of them for `status`. */
export function parseListQuery(query: Readonly<Record<string, string | readonly string[]>>): ParsedList {
  const parsed = listQuerySchema.safeParse(query);
  if (parsed.success) return { ok: true, request: parsed.data };
  const name = parsed.error.issues[0]?.path[0];
  if (!isMember(name))
    return { ok: false, detail: `The query takes ${Object.keys(MEMBERS).join(', ')} and nothing else` };
  return { ok: false, detail: describeExpected(name) };
}

/** What a value of the query has to be, in a sentence. */
export function describeExpected(name: keyof typeof MEMBERS): string {
  return `The query value ${name} must be ${EXPECTED[name]}`;
}

function isMember(name: unknown): name is keyof typeof MEMBERS {
  return typeof name === 'string' && Object.hasOwn(MEMBERS, name);
}
