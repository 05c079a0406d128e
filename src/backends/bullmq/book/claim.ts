import type { StoredSchedule } from '../../../ports/schedules.js';
import type { ParentName, Place, Placed } from './place.js';

/** A key that stands for a run. */
export interface KeyClaim {
  /** With its owner: `keyNameOf`. */
  readonly name: string;
  readonly fingerprint: string;
  readonly at: number;
  readonly keepMs: number;
  readonly maxKeys: number;
}

/** What a start claims before its job is added, all of it or nothing. */
export interface Claim extends Placed {
  /**
   * The job of the ended run whose id it takes; null where it has to be free. What the book has of that run goes; its job
   * is the caller's to remove. A key that stood for it stands for the new one.
   */
  readonly replaces: string | null;
  readonly key: KeyClaim | null;
  /** The text of the job, where the claim alone is to make it accepted: whoever comes first adds it then. */
  readonly job: string | null;
  /** The schedule that starts it, as it is from then on. */
  readonly schedule: { readonly next: StoredSchedule; readonly expectedVersion: number } | null;
  /** The job of the failed run that it redrives. */
  readonly redrives: string | null;
  /** When it fails unless it has begun, in epoch ms. */
  readonly expiresAt: number | null;
  /** Whose child it is; nobody's unless given. */
  readonly parent?: ParentName | null;
}

/** What a key stands for. */
export interface KnownKey {
  /** The run. */
  readonly id: string;
  readonly fingerprint: string;
  /** Its time is over; where its run has ended, too, it stands for nothing any more. */
  readonly expired: boolean;
}

/** What became of a claim. */
export type Claimed =
  /** `place` may have a higher ordinal and version base than was asked for: above those of the run it replaces. */
  | { readonly type: 'claimed'; readonly place: Place }
  /** The id is taken (by another job than `replaces`). */
  | { readonly type: 'id taken'; readonly place: Place }
  /** The key stands for a run. `expired`: its time is over; where that run has ended too, `dropKey` and come again. */
  | ({ readonly type: 'key taken' } & KnownKey)
  | { readonly type: 'no room for keys' }
  | { readonly type: 'other schedule' }
  | { readonly type: 'redriven'; readonly by: string };
