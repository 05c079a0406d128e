import type { BackendEnvironment } from '../../../ports/backend.js';
import { TaskError } from '../../../task/errors.js';
import type { CancelledRequest } from '../../../task/run.js';
import { isFinal } from '../../../task/status.js';
import { sleep } from '../../../timing/sleep.js';
import type { KeptCancel, Place } from '../book/book.js';
import type { FleetRun } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { isHalfCancelled, isUnadded, type RunReader, type Sighting } from '../runs/run-reader.js';
import type { Teller } from '../runs/tell-end.js';
import type { WaitingEnds } from './waiting-ends.js';

/** What {@link Cancelling} works with. */
export interface CancellingParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly reader: RunReader;
  readonly ends: WaitingEnds;
  readonly teller: Teller;
  /** Tells the holder of a job of this process, where there is one. */
  readonly cancelHere: (jobId: string, cancel: KeptCancel) => void;
}

/** For how long it is the holder's to keep how a cancelled run has ended, in ms. */
const HOLDERS_TURN_MS = 2_000;
/** How often, and how many times, it is looked whether the job of a run that is to be cancelled was added, in ms. */
const LOOK_AGAIN_MS = 50;
const MOST_LOOKS = 100;

/**
 * Cancels runs of the whole fleet. The request is kept first: whoever takes the job from then on finds it, and begins
 * nothing; so that what is seen afterwards decides.
 */
export class Cancelling {
  readonly #parts: CancellingParts;

  constructor(parts: CancellingParts) {
    this.#parts = parts;
  }

  /** Cancels as `Backend.cancel` says. A handler's signal is two answers of the server away: nothing is looked at before. */
  async cancel(id: string, request: CancelledRequest, ordinal?: number): Promise<FleetRun | undefined> {
    const { server, reader, environment } = this.#parts;
    const [place] = await server.book.placesOf([id]);
    if (place === undefined || (ordinal !== undefined && place.ordinal !== ordinal)) return undefined;
    const asked = { ...request, at: environment.clock.now() };
    const cancel = await this.#request(place, asked);
    if (cancel !== null) return this.#pass(place, cancel, isSame(cancel, asked));
    const ended = (await reader.see(place))?.run;
    // Its holder may have heard of this very request, and ended the run, before that was kept.
    return ended?.state.cancel && isSame(ended.state.cancel, asked) ? ended : ended && this.#tooLate(ended);
  }

  /**
   * Ends a run whose cancel was kept, as far as nobody else does; for those that were left half cancelled. Where its end
   * is kept, its job goes.
   */
  async finishCancel(place: Pick<Place, 'lane' | 'jobId'>): Promise<void> {
    const { server, reader, ends } = this.#parts;
    const seen = await reader.seeNow(place);
    if (seen?.note?.end) {
      // A job that is active is its holder's to discard.
      if (seen.state !== 'active') await ends.clear(place.lane, place.jobId);
    } else if (seen === undefined) await server.book.dropCancel(place.lane, place.jobId);
    else if (isHalfCancelled(seen)) await this.#finish(seen);
    else if (isUnkept(seen)) await this.#finishLate(seen);
    // Who has just ended it may have found the cancel, and be about to keep that it was cancelled after all.
    else if (isFinal(seen.run.status) && this.#isOver(seen)) await server.book.dropCancel(place.lane, place.jobId);
  }

  /**
   * A run whose job is about to be added is waited for: to end it before would be to add it after its end. Then the cancel
   * is asked for again: the job was not there to be marked, and may have been taken since.
   */
  async #seeAdded(place: Place, cancel: KeptCancel): Promise<Sighting | undefined> {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const seen = await this.#parts.reader.seeNow(place);
      if (seen === undefined || !isUnadded(seen)) return seen;
      await sleep(LOOK_AGAIN_MS);
      await this.#request(place, cancel);
    }
    throw new TaskError('BACKEND', 'The run is still being accepted; it may be cancelled later');
  }

  /**
   * Keeps the request, and tells the holder meanwhile: one after the other would take twice as long on PostgreSQL, which
   * waits for its disk both times. A run that its holder has ended for it needs no request.
   *
   * @returns the one that is kept; null where the run has ended.
   */
  #request({ lane, jobId }: Place, asked: KeptCancel): Promise<KeptCancel | null> {
    const { server } = this.#parts;
    const requested = server.book.requestCancel(lane, jobId, asked);
    server.publish({ type: 'cancel', lane, jobId, cancel: asked });
    return requested;
  }

  /**
   * The request is kept: the run ends now where it waits; its holder hears of it where it is at work; and where it has
   * ended, the request goes again.
   *
   * @param isFirst nobody has asked for it before.
   */
  async #pass(place: Place, cancel: KeptCancel, isFirst: boolean): Promise<FleetRun | undefined> {
    const { server, reader, teller } = this.#parts;
    const { lane, jobId } = place;
    this.#parts.cancelHere(jobId, cancel);
    const seen = await this.#seeAdded(place, cancel);
    if (seen && isHalfCancelled(seen)) return this.#finish(seen);
    if (seen?.run.status === 'cancelling') {
      if (isFirst) teller.tell(seen.run, { type: 'run:cancelling', reason: cancel.reason, by: cancel.by });
      return seen.run;
    }
    if (seen?.run.status === 'cancelled') return isFirst ? seen.run : this.#tooLate(seen.run);
    await server.book.dropCancel(lane, jobId);
    if (seen === undefined) return undefined;
    // Whoever held it may have found the cancel first, and kept that it was cancelled after all.
    const { run } = (await reader.see(place)) ?? seen;
    return run.status === 'cancelled' ? run : this.#tooLate(run);
  }

  /** Who has just ended its job may be about to keep the end. */
  async #finishLate(seen: Sighting): Promise<void> {
    if (this.#isOver(seen)) await this.#finish(seen);
  }

  #isOver({ run }: Sighting): boolean {
    return this.#parts.environment.clock.now() - (run.state.finishedAt ?? 0) >= HOLDERS_TURN_MS;
  }

  async #finish(seen: Sighting): Promise<FleetRun> {
    const { run } = seen;
    if (await this.#parts.ends.end(run)) return run;
    return (await this.#parts.reader.see(run.origin))?.run ?? run;
  }

  #tooLate(run: FleetRun): FleetRun {
    this.#parts.environment.observer.cancelledLate(run);
    return run;
  }
}

function isSame(kept: KeptCancel, asked: KeptCancel): boolean {
  return kept.at === asked.at && kept.by === asked.by && kept.reason === asked.reason;
}

/** It is cancelled for whoever looks, and the book does not say so yet. */
function isUnkept({ run, note }: Sighting): boolean {
  return run.status === 'cancelled' && !note?.end;
}
