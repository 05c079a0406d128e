import { usageError } from './command-error.js';

/** What runs of a fleet are in, by the schemes of its URL. */
const SCHEMES: readonly string[] = ['redis:', 'rediss:', 'postgres:', 'postgresql:'];

/**
 * The server that the processes of a fleet share. Its URL may hold a password: it is told only to what connects, and
 * everything else, such as a log, gets what may be {@link FleetUrl.shown}.
 */
export class FleetUrl {
  /** The URL without user, password and parameters. */
  readonly shown: string;
  readonly #url: string;

  /** @throws {CommandError} exit code 2 when it cannot be told where the password ends. */
  constructor(url: string) {
    const parts = URL.canParse(url) ? new URL(url) : undefined;
    // With / ? or # in it as they are, what comes behind that would be taken for a path, and shown.
    const isWhole = parts !== undefined && parts.hash === '' && !`${parts.pathname}${parts.search}`.includes('@');
    if (!isWhole || !isEncoded(parts.username + parts.password))
      throw usageError(
        'ERRAND_BACKEND is no URL that can be read: write it as redis://user:password@host:6379, with / ? # @ and % in a password as %2F %3F %23 %40 and %25',
      );
    this.#url = url;
    this.shown = `${parts.protocol}//${parts.host}${parts.pathname === '/' ? '' : parts.pathname}`;
  }

  /** Whether the text begins as the URL of a fleet does. */
  static isOne(text: string): boolean {
    return SCHEMES.some((scheme) => text.startsWith(`${scheme}//`));
  }

  /** The URL as it was given, for what connects. */
  get withPassword(): string {
    return this.#url;
  }

  toString(): string {
    return this.shown;
  }

  toJSON(): string {
    return this.shown;
  }
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
