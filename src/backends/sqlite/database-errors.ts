import { isTaskError, TaskError } from '../../task/errors.js';

/** Whether somebody else has locked the file. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY') || codeOf(error).startsWith('SQLITE_LOCKED');
}

/** What cannot be done with a file, and what to do about it. */
export function unusable(path: string, cause: unknown): TaskError {
  if (isTaskError(cause)) return cause;
  const code = codeOf(cause);
  const known = Object.entries(REASONS).find(([prefix]) => code.startsWith(prefix))?.[1];
  const reason = known ?? (cause instanceof Error ? cause.message : String(cause));
  return new TaskError('BACKEND', `${path} cannot be used: ${reason}`, { cause, details: { file: path } });
}

const REASONS: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: 'it is no database; name another file',
  SQLITE_CORRUPT: 'it is damaged; restore a backup, or name another file',
  SQLITE_FULL: 'the disk is full; make room',
  SQLITE_READONLY: 'it may only be read; give this user the right to write it and its folder',
  SQLITE_CANTOPEN: 'it cannot be opened; see whether its folder exists and this user may write there',
  ENOSPC: 'the disk is full; make room',
  EDQUOT: 'the disk is full for this user; make room',
  EROFS: 'its disk may only be read; name another file',
  ENOENT: 'its folder does not exist; make it first',
  EISDIR: 'it is a folder; name a file',
  EACCES: 'this user has no right to open it or its folder',
  ENOTDIR: 'a part of its path is no folder',
};

function codeOf(error: unknown): string {
  const code: unknown = Reflect.get(Object(error), 'code');
  if (typeof code === 'string') return code;
  // libsql has no code for what goes wrong while a file is opened, but SQLite's number at the end of the text.
  const message: unknown = Reflect.get(Object(error), 'message');
  return typeof message === 'string' && /: 14"?\)?$/.test(message) ? 'SQLITE_CANTOPEN' : '';
}
