import { randomBytes, randomUUID } from 'node:crypto';

/** Somebody who has registered. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  /** Epoch milliseconds. */
  readonly registeredAt: number;
}

/** Lets its holder in until it expires. */
export interface Session {
  readonly token: string;
  readonly userId: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** How long a session lasts, in milliseconds. */
const SESSION_MS = 3_600_000;

/** The users of the shop and their sessions, in memory; a real shop has a database. Bounded: beyond 10,000 nobody registers. */
export class UserStore {
  static readonly maxUsers = 10_000;
  readonly #users = new Map<string, User>();
  readonly #sessions = new Map<string, Session>();

  /** How many users there are. */
  get size(): number {
    return this.#users.size;
  }

  /** Sessions that have not been removed, expired ones among them. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /**
   * Adds a user and opens a session.
   *
   * @param now epoch milliseconds
   * @returns undefined where the address is taken, or there are too many users.
   */
  register({ name, email }: Pick<User, 'name' | 'email'>, now: number): { user: User; session: Session } | undefined {
    const key = email.toLowerCase();
    if (this.#users.has(key) || this.#users.size >= UserStore.maxUsers) return undefined;
    const user: User = { id: randomUUID(), name, email, registeredAt: now };
    const token = randomBytes(24).toString('base64url');
    const session: Session = { token, userId: user.id, expiresAt: now + SESSION_MS };
    this.#users.set(key, user);
    this.#sessions.set(token, session);
    return { user, session };
  }

  /** Removes the sessions that have expired, and says how many those were. */
  removeExpired(now: number): number {
    const expired = [...this.#sessions.values()].filter(({ expiresAt }) => expiresAt <= now);
    for (const { token } of expired) this.#sessions.delete(token);
    return expired.length;
  }

  /** How many users registered from one instant on and before another, in epoch milliseconds. */
  registered({ from, until }: { readonly from: number; readonly until: number }): number {
    return [...this.#users.values()].filter(({ registeredAt: at }) => at >= from && at < until).length;
  }
}
