import { TaskError } from '../../task/errors.js';

const WHY: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left',
  EDQUOT: 'there is no space left',
  EFBIG: 'the file is larger than the file system allows',
  EACCES: 'the folder may not be written',
  EPERM: 'the folder may not be written',
  EROFS: 'the folder may not be written',
  EEXIST: 'the folder is not a folder',
  ENOTDIR: 'the folder is not a folder',
  ENOENT: 'the file is not there',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk reported an error',
  ECUT: 'the file is shorter than it was left',
};

/** The code of an operating system's error, for example `'ENOENT'`; `''` for any other error. */
export function systemCode(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}

/**
 * What went wrong with a file, in words that may be shown to anybody: the path is in the `cause` only.
 *
 * @param what for example `'The file could not be stored'`.
 */
export function fileError(what: string, error: unknown): TaskError {
  const code = systemCode(error);
  return new TaskError('BACKEND', `${what}: ${WHY[code] ?? 'the file system refused'}`, {
    cause: error,
    details: { reason: code === '' ? 'UNKNOWN' : code },
  });
}

/** Waits for work on a file; what it throws becomes a {@link fileError}. */
export async function filing<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw fileError(what, error);
  }
}
