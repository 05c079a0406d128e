import { z } from 'zod';
import { DEFAULT_PAGE, MAX_PAGE, limitSchema } from './list-query.js';
import { nameSchema } from './start-request.js';

/** How many due times `GET /schedules/{id}/preview` shows unless the query says otherwise, and at most. */
const DEFAULT_PREVIEW = 10;
const MAX_PREVIEW = 100;

/** The query of `GET /schedules`. Unknown values are refused. */
export const scheduleListQuerySchema = z.strictObject({
  /** 1 to 200, default 50. */
  limit: limitSchema.default(DEFAULT_PAGE),
  /** The `nextCursor` of the page before. */
  cursor: nameSchema.exactOptional(),
});

/** The query of `GET /schedules/{id}/preview`. */
export const previewQuerySchema = z.strictObject({
  /** 1 to 100, default 10. */
  count: limitSchema.refine((count) => count <= MAX_PREVIEW).default(DEFAULT_PREVIEW),
});

type Query = Readonly<Record<string, string | readonly string[]>>;

/** @returns what is asked for, or what is wrong with the query. */
export function parseScheduleListQuery(query: Query): { limit: number; cursor?: string } | string {
  const parsed = scheduleListQuerySchema.safeParse(query);
  return parsed.success
    ? parsed.data
    : `The query takes limit, an integer from 1 to ${MAX_PAGE}, and cursor, the nextCursor of an earlier page`;
}

/** @returns how many due times are asked for, or what is wrong with the query. */
export function parsePreviewQuery(query: Query): number | string {
  const parsed = previewQuerySchema.safeParse(query);
  return parsed.success ? parsed.data.count : `The query takes count, an integer from 1 to ${MAX_PREVIEW}`;
}
