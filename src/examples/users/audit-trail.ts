import { defineTask, type Task } from 'errand';
import { z } from 'zod';

const entry = z.strictObject({
  /** Such as user.registered. */
  action: z.string().regex(/^[\w.]{1,100}$/),
  /** What it was done to. */
  id: z.string().max(128),
});

/** One line of the trail. */
export type AuditEntry = z.input<typeof entry>;

/** The last thousand things that were done, in memory; a real shop appends them to something that nobody can change. */
export class AuditTrail {
  static readonly maxEntries = 1_000;
  readonly #entries: AuditEntry[] = [];

  /** The oldest first. */
  get entries(): readonly AuditEntry[] {
    return this.#entries;
  }

  /** Adds a line at the end. */
  write(line: AuditEntry): void {
    this.#entries.push(line);
    if (this.#entries.length > AuditTrail.maxEntries) this.#entries.shift();
  }
}

/** A task that writes a line into a trail. */
export function writeAuditInto(trail: AuditTrail): Task<AuditEntry, null> {
  return defineTask({
    name: 'write-audit',
    input: entry,
    handler: (line, ctx) => {
      trail.write(line);
      ctx.log.info(`${line.action} ${line.id}`);
      return null;
    },
  });
}
