import { defineTask, type Task } from 'errand';
import { z } from 'zod';
import { presentTime } from '../present-time.js';
import type { UserStore } from '../users/user-store.js';

/** A task that removes sessions which have expired. It may run at any time and as often as it likes: what is gone is gone. */
export function cleanUpExpiredIn(users: UserStore, now = presentTime): Task<undefined, { removed: number }> {
  return defineTask({
    name: 'clean-up-expired',
    input: z.undefined(),
    queue: 'upkeep',
    handler: () => ({ removed: users.removeExpired(now()) }),
  });
}
