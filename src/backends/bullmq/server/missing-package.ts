import { TaskError } from '../../../task/errors.js';

/** The packages that only those have to install who use this backend. */
export type OptionalPackage = 'bullmq' | 'ioredis' | 'pg';

/**
 * Loads a package that may not be installed.
 *
 * @throws {TaskError} BACKEND saying what to install.
 */
export async function loadPackage<T>(name: OptionalPackage, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    const also = name === 'bullmq' ? 'and with it ioredis for Redis, or pg for PostgreSQL' : 'beside bullmq';
    throw new TaskError('BACKEND', `The package ${name} is not installed; run "npm install ${name}", ${also}`, {
      cause: error,
      details: { package: name },
    });
  }
}

/** Whether it is this package that is not there, not one that it needs itself. */
function isMissing(error: unknown, name: OptionalPackage): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return false;
  const unknown = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
  return unknown && String(error.message).includes(`'${name}'`);
}
