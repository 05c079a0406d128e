import type { Clock, Timer } from '../../ports/clock.js';
import type { CallEnd, CallNews, CallRequest } from '../outside/call.js';
import type { Carried } from '../outside/carried-error.js';
import { lost, notCloneable } from '../outside/lost.js';
import type { Crew } from '../outside/outside-executor.js';
import { Child, type ChildOwner } from './child.js';
import type { ProcessNews } from './process-call.js';
import type { ProcessSettings } from './process-settings.js';

/** A child process, and the call that is in it. */
interface Place {
  readonly child: Child;
  call: ProcessCall | undefined;
  idle: Timer | undefined;
  /** It was told to end, which takes a moment: nobody is called in it any more. */
  ending: boolean;
}

interface ProcessCall {
  readonly number: number;
  readonly hear: (news: CallNews) => void;
  readonly resolve: (end: CallEnd) => void;
  readonly reject: (error: Error) => void;
}

/** Child processes: made when they are needed, kept for the next call, ended when they were idle for long. */
export class ProcessCrew implements Crew {
  readonly #settings: ProcessSettings;
  readonly #clock: Clock;
  readonly #places = new Set<Place>();
  #closed = false;

  constructor(settings: ProcessSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async call(request: CallRequest, hear: (news: CallNews) => void): Promise<CallEnd> {
    if (this.#closed) throw lost('process', 'was not begun');
    const place = [...this.#places].find(({ call, ending }) => call === undefined && !ending) ?? this.#newPlace();
    return new Promise<CallEnd>((resolve, reject) => {
      place.call = { number: request.call, hear, resolve, reject };
      place.idle?.cancel();
      place.child.ref();
      try {
        place.child.send(request);
      } catch (error) {
        this.#leave(place);
        reject(notCloneable(error));
      }
    });
  }

  abort(call: number, reason: Carried): void {
    this.#placeOf(call)?.child.send({ abort: call, reason });
  }

  stop(call: number): void {
    const place = this.#placeOf(call);
    if (place !== undefined) void this.#kill(place);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#places].map((place) => (place.idle?.cancel(), this.#kill(place))));
  }

  #placeOf(number: number): Place | undefined {
    return [...this.#places].find(({ call }) => call?.number === number);
  }

  #newPlace(): Place {
    const place: Place = {
      child: this.#newChild({
        onNews: (news) => this.#hear(place, news),
        onEnded: (why, made) => this.#ended(place, why, made),
      }),
      call: undefined,
      idle: undefined,
      ending: false,
    };
    this.#places.add(place);
    return place;
  }

  /** What is wrong with its environment is thrown, what is wrong with the computer is mostly told later. */
  #newChild(owner: ChildOwner): Child {
    try {
      return new Child(this.#settings, owner);
    } catch (error) {
      throw lost('process', 'could not be made', error);
    }
  }

  #hear(place: Place, news: ProcessNews): void {
    const { call } = place;
    if (call === undefined || call.number !== news.call) return;
    if (!('end' in news)) call.hear(news);
    else {
      this.#leave(place);
      call.resolve(news.end);
    }
  }

  /** The process waits for its next call. */
  #leave(place: Place): void {
    place.call = undefined;
    place.child.unref();
    place.idle = this.#clock.after(this.#settings.idleMs, () => void this.#kill(place));
    place.idle.unref();
  }

  #kill(place: Place): Promise<void> {
    place.ending = true;
    return place.child.kill();
  }

  #ended(place: Place, why: Error, made: boolean): void {
    this.#places.delete(place);
    place.idle?.cancel();
    place.call?.reject(lost('process', made ? 'has ended while its handler was at work' : 'could not be made', why));
  }
}
