import { defineTask, type Task } from 'errand';
import { z } from 'zod';

/** The systems that want to know of new users. */
export const SYSTEMS = ['inventory', 'warehouse'] as const;

const news = z.strictObject({ system: z.enum(SYSTEMS), userId: z.string().max(128) });

/** Who is to be told of whom. */
export type UserNews = z.input<typeof news>;

/** What each system knows: a stand-in for a call of another service, for which see `call-webhook`. */
export class KnownUsers {
  static readonly maxUsers = 10_000;
  readonly #known = new Map<string, Set<string>>(SYSTEMS.map((system) => [system, new Set()]));

  /** Tells a system of a user. To tell it twice changes nothing. */
  tell({ system, userId }: UserNews): void {
    const known = this.#known.get(system);
    if (known !== undefined && known.size < KnownUsers.maxUsers) known.add(userId);
  }

  /** Whether a system knows of a user. */
  has({ system, userId }: UserNews): boolean {
    return this.#known.get(system)?.has(userId) === true;
  }
}

/** A task that tells one system of one user: one run for each, so that one that is away holds up no other. */
export function tellSystemOf(known: KnownUsers): Task<UserNews, null> {
  return defineTask({
    name: 'tell-system',
    input: news,
    retry: { maxAttempts: 5, initialDelayMs: 1_000 },
    handler: (what) => {
      known.tell(what);
      return null;
    },
  });
}
