import { isTaskError, TaskError } from '../../../task/errors.js';

/** The two servers that BullMQ runs on. */
export type ServerName = 'redis' | 'postgres';

const TITLES: Readonly<Record<ServerName, string>> = { redis: 'Redis', postgres: 'PostgreSQL' };

/** What a refusal of Redis's begins with, PostgreSQL's code of it, and what it means. */
const REASONS: Readonly<Record<ServerName, Readonly<Record<string, string>>>> = {
  redis: {
    WRONGPASS: 'refuses the name or password; see the connection URL',
    NOAUTH: 'wants a password; give it in the connection URL',
    NOPERM: 'does not let this user do that; give it the rights to all commands and keys that BullMQ uses',
    OOM: 'has no memory left; raise its maxmemory, or keep fewer ended runs',
    MISCONF: 'refuses to write, because it cannot save to its disk; see its log',
    READONLY: 'is a replica, which cannot be written; connect to the primary',
    LOADING: 'is still loading its data; try again in a moment',
    MASTERDOWN: 'is a replica without its primary; connect to the primary',
    CROSSSLOT: 'is a cluster, which BullMQ cannot spread these keys over; connect to a single server',
  },
  postgres: {
    '28P01': 'refuses the name or password; see the connection URL',
    '28000': 'refuses this user; see the connection URL and its pg_hba.conf',
    '3D000': 'has no such database; make it, or name another in the connection URL',
    '42501': 'does not let this user do that; give it the right to create a schema',
    '53100': 'has no disk space left; make room',
    '53300': 'has no connection left; raise its max_connections',
    '25006': 'is a standby, which cannot be written; connect to the primary',
    '57P03': 'is still starting; try again in a moment',
  },
};

/**
 * What to tell people when a server failed: without its host, its password, or what was sent. An error of BullMQ's own,
 * which has a number as its code, is an answer and no failure: it is given back as it is.
 *
 * @param what what was tried, for `details`.
 */
export function serverFailed(server: ServerName, what: string, cause: unknown): Error {
  if (isTaskError(cause) || (cause instanceof Error && answerCodeOf(cause) !== undefined)) return cause;
  const message = `${TITLES[server]} ${reasonOf(server, cause)}`;
  return new TaskError('BACKEND', message, { cause: harmless(cause), details: { server, what } });
}

/** What to tell people when a server is too slow. */
export function serverSilent(server: ServerName, what: string, timeoutMs: number): TaskError {
  const message = `${TITLES[server]} did not answer within ${timeoutMs / 1_000} s; see whether it runs and can be reached`;
  return new TaskError('BACKEND', message, { details: { server, what } });
}

/** What a server cannot be used for as it is set up; `message` says what to do, and begins with a verb. */
export function serverUnfit(server: ServerName, message: string): TaskError {
  return new TaskError('BACKEND', `${TITLES[server]} ${message}`, { details: { server } });
}

/** The code with which a script of BullMQ's refused: -1 for a job that is not there, -2 for one whose lock is gone. */
export function answerCodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** How Node says that a certificate was refused: signed by nobody whom it trusts, for another name, too old. */
const REFUSED_CERTIFICATE = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;

function reasonOf(server: ServerName, cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && REFUSED_CERTIFICATE.test(String(cause.code)))
    return 'shows a certificate that is not trusted; the cause says why. Connect by a name that it is for, and name its authority in NODE_EXTRA_CA_CERTS';
  const answer = cause instanceof Error ? answeredWord(server, cause) : undefined;
  if (answer === undefined) return 'cannot be reached; see whether it runs, and the connection URL';
  const known = Object.hasOwn(REASONS[server], answer) ? REASONS[server][answer] : undefined;
  return known ?? 'refused what was asked of it; the cause says why';
}

/** What the server itself says, in a word; undefined where no answer came. */
function answeredWord(server: ServerName, cause: Error): string | undefined {
  if (server === 'redis') return cause.name === 'ReplyError' ? cause.message.split(' ', 1)[0] : undefined;
  return 'severity' in cause && 'code' in cause ? String(cause.code) : undefined;
}

/** Clients add what was sent: a password, when it was the password. */
function harmless(cause: unknown): unknown {
  if (!(cause instanceof Error) || !('command' in cause)) return cause;
  const copy = new Error(cause.message);
  copy.name = cause.name;
  return copy;
}
