import { CommandError, failure, usageError } from './command-error.js';

/** Where the server is that commands talk to: `ERRAND_URL`, default `http://127.0.0.1:3000`. */
function serverUrl(env: NodeJS.ProcessEnv): URL {
  const text = env['ERRAND_URL'] || 'http://127.0.0.1:3000';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Not shown: it may hold a password.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw usageError('ERRAND_URL must be a URL such as http://127.0.0.1:3000, without a user');
  return new URL(url.pathname.endsWith('/') ? url : `${url.origin}${url.pathname}/`);
}

/**
 * Sends a request to the running server.
 *
 * @param path without a slash at its beginning: what comes before it is the server's.
 * @returns the JSON that it answered with.
 * @throws {CommandError} exit code 2 when `ERRAND_URL` is malformed; 1 when nobody answers, or with what the server says
 * is wrong.
 */
export async function askServer(
  env: NodeJS.ProcessEnv,
  method: 'POST',
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  const url = serverUrl(env);
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch(new URL(path, url), { method });
    body = await answer.json().catch(() => undefined);
  } catch (error) {
    throw failure(
      `no server answers at ${url.origin}; start one with errand serve, or name another in ERRAND_URL`,
      error,
    );
  }
  const members = Object(body) as Readonly<Record<string, unknown>>;
  if (answer.ok) return members;
  const { detail } = members;
  throw new CommandError(
    1,
    `the server answered ${answer.status}: ${typeof detail === 'string' ? detail : 'no reason given'}`,
  );
}
