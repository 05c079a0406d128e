import { isFileResult } from '../task/file-result.js';
import { toJsonValue } from '../task/json-value.js';
import type { Run, RunFailure } from '../task/run.js';
import { toErrorResource, toIso, type RunFailureResource } from './run-resource.js';

/** How a run is shown. */
export interface RunView {
  /** The path under which runs are found, without a slash at its end: `/process`. */
  readonly base: string;
  /** Whether messages of errors that were not written for callers are shown. */
  readonly exposeErrors: boolean;
  /** Whether the result is shown. */
  readonly withResult: boolean;
}

/**
 * Writes a run as JSON: a `RunResource`. Never throws, whatever the result is.
 *
 * Member by member, because `JSON.stringify` of the same object takes four times as long, more than all the rest of
 * what a start costs. Ids, names and tags are made of characters that JSON leaves as they are.
 */
export function writeRun(run: Run, { base, exposeErrors, withResult }: RunView): string {
  const self = JSON.stringify(`${base}/${run.id}`);
  const { error, failures, progress, redrivenBy } = run;
  return (
    `{"id":"${run.id}","kind":"${run.kind}","task":${quote(run.task)},"queue":"${run.queue}","status":"${run.status}",` +
    `"progress":${progress === null ? 'null' : JSON.stringify(progress)},"attempt":${run.attempt},` +
    `"maxAttempts":${run.maxAttempts},"priority":${run.priority},"tags":${run.tags.length === 0 ? '[]' : JSON.stringify(run.tags)},` +
    `"parentId":${quote(run.parentId)},"redriveOf":${quote(run.redriveOf)},` +
    (redrivenBy === null ? '' : `"redrivenBy":"${redrivenBy}",`) +
    `"createdAt":${instant(run.createdAt)},"dueAt":${instant(run.dueAt)},"startedAt":${instant(run.startedAt)},` +
    `"updatedAt":${instant(run.updatedAt)},"finishedAt":${instant(run.finishedAt)},` +
    `"cancelRequestedAt":${instant(run.cancelRequestedAt)},` +
    `"cancelReason":${run.cancelReason === null ? 'null' : JSON.stringify(run.cancelReason)},"abandoned":${String(run.abandoned)},` +
    `"result":${withResult ? resultJson(run.result) : 'null'},` +
    `"error":${error === null ? 'null' : JSON.stringify(toErrorResource(error, exposeErrors))},` +
    `"failures":${failures.length === 0 ? '[]' : JSON.stringify(failures.map((failure) => toFailure(failure, exposeErrors)))},` +
    `"links":{"self":${self},"events":${self.slice(0, -1)}/events"` +
    (withResult && isFileResult(run.result) ? `,"result":${self.slice(0, -1)}/result"}}` : '}}')
  );
}

/** A run and the runs that it has started: what a tree is made of. */
export interface ShownBranch {
  readonly run: Run;
  readonly children: readonly ShownBranch[];
}

/**
 * Writes a run and those below it as JSON: each run with its `children`, which are shown as in lists. `truncated` is there
 * where there are more runs than are shown.
 */
export function writeTree(tree: ShownBranch & { readonly truncated: boolean }, view: RunView): string {
  return writeBranch(tree, view, tree.truncated ? ',"truncated":true' : '');
}

function writeBranch({ run, children }: ShownBranch, view: RunView, more = ''): string {
  const below = children.map((child) => writeBranch(child, { ...view, withResult: false }));
  return `${writeRun(run, view).slice(0, -1)},"children":[${below.join(',')}]${more}}`;
}

/** Writes a page of runs as JSON, without their results: a `RunPageResource`. */
export function writePage(
  page: { readonly items: readonly Run[]; readonly nextCursor?: string },
  view: RunView,
): string {
  const items = page.items.map((run) => writeRun(run, view)).join(',');
  return `{"items":[${items}]${page.nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(page.nextCursor)}`}}`;
}

function quote(name: string | null): string {
  return name === null ? 'null' : `"${name}"`;
}

function instant(at: number | null): string {
  return at === null ? 'null' : `"${toIso(at)}"`;
}

function resultJson(result: unknown): string {
  if (result === undefined || result === null) return 'null';
  if (isFileResult(result)) {
    const { name, type, bytes } = result;
    return JSON.stringify({ file: { name, type, bytes } });
  }
  const converted = toJsonValue(result);
  return converted.ok ? JSON.stringify(converted.value) : 'null';
}

function toFailure(failure: RunFailure, exposeErrors: boolean): RunFailureResource {
  return { ...toErrorResource(failure, exposeErrors), at: toIso(failure.at) };
}
