import { z } from 'zod';
import { isName, isTag, MAX_PRIORITY, MAX_TAGS } from '../task/checks.js';
import { MAX_DURATION_MS } from '../task/errors.js';
import { describeIssues, plainPointer, type InputIssue } from '../task/standard-schema.js';

/** An id, a task's name or a queue's name. */
export const nameSchema = z.string().refine(isName, {
  error: 'Expected 1 to 128 of the characters A-Z a-z 0-9 _ . : @ -, the first a letter, a digit or _',
});

/** A tag. */
export const tagSchema = z.string().refine(isTag, {
  error: 'Expected 1 to 64 of the characters A-Z a-z 0-9 _ . : @ -, the first a letter, a digit or _',
});

/** Milliseconds from 0 to ten years. */
export const durationSchema = z.number().min(0).max(MAX_DURATION_MS);

/** At most 16 tags. Counted before they are looked at: each bad one of 500,000 would become an issue. */
export const tagsSchema = z.array(z.unknown()).max(MAX_TAGS).pipe(z.array(tagSchema));

/** The body of `POST /process`. Unknown members are refused. */
export const startRequestSchema = z.strictObject({
  /** Which task to run. */
  task: nameSchema,
  /** What the task takes; its own schema says what that is. */
  input: z.unknown().optional(),
  /** The run's id; made by the server unless given. */
  id: nameSchema.optional(),
  /** -1000 to 1000; higher goes first. */
  priority: z.int().min(-MAX_PRIORITY).max(MAX_PRIORITY).optional(),
  /** Milliseconds until it may begin: 0 to ten years. */
  delayMs: durationSchema.optional(),
  /**
   * Fails with `QUEUE_EXPIRED` unless it has begun this many milliseconds after its start: 1 to ten years, and more
   * than `delayMs`.
   */
  expiresInMs: durationSchema.min(1).optional(),
  /** At most 16. */
  tags: tagsSchema.optional(),
});

/** What `POST /process` takes. A member that is there has a value: JSON knows no undefined. */
export interface StartRequest {
  readonly task: string;
  readonly input?: unknown;
  readonly id?: string;
  readonly priority?: number;
  readonly delayMs?: number;
  readonly expiresInMs?: number;
  readonly tags?: readonly string[];
}

/** What {@link parseStartRequest} found. */
export type ParsedStart =
  | { readonly ok: true; readonly request: StartRequest }
  | { readonly ok: false; readonly errors: readonly InputIssue[] };

/** Checks the body of `POST /process`. The errors are at most 20, and hold nothing of the body but plain names of members. */
export function parseStartRequest(body: unknown): ParsedStart {
  if (isPlainStart(body)) return { ok: true, request: body };
  const parsed = startRequestSchema.safeParse(body);
  if (parsed.success) return checkExpiry(parsed.data as StartRequest);
  const errors = describeIssues(parsed.error.issues);
  return { ok: false, errors: errors.map((each) => ({ ...each, pointer: plainPointer(each.pointer) })) };
}

/**
 * Whether the body says which task, perhaps its input, and nothing else: what the schema would take, too. Most starts
 * are so, and looking at two members is done before the schema has begun.
 */
export function isPlainStart(body: unknown): body is Pick<StartRequest, 'task' | 'input'> {
  if (typeof body !== 'object' || body === null) return false;
  for (const member in body) if (member !== 'task' && member !== 'input') return false;
  return 'task' in body && isName(body.task);
}

/** Not a refinement of the schema: that would be asked, at a price, of every start. */
function checkExpiry(request: StartRequest): ParsedStart {
  const { delayMs = 0, expiresInMs } = request;
  if (expiresInMs === undefined || expiresInMs > delayMs) return { ok: true, request };
  const detail = 'Expected more than delayMs: the run would expire before it is due';
  return { ok: false, errors: [{ pointer: '/expiresInMs', detail }] };
}
