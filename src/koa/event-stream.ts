import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Context } from 'koa';
import type { Clock, Timer } from '../ports/clock.js';
import { PING_FRAME, RETRY_FRAME, toFrame } from './event-frame.js';
import type { EventFeed, FeedSnapshot } from './event-feed.js';
import type { JournalEntry, JournalReader } from './event-journal.js';
import { CACHE_CONTROL } from './run-answer.js';

const PING_MS = 15_000;
/** A client that has read nothing for so many pings is cut off; it may come back with its Last-Event-ID. */
const MAX_BLOCKED_PINGS = 8;
/** How long a client may read nothing of what is left after the end. */
const LINGER_MS = 10_000;

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': `${CACHE_CONTROL}, no-transform`,
  // Else nginx would hold events back.
  'X-Accel-Buffering': 'no',
} as const;

/**
 * Answers with server-sent events: what a client with a known `Last-Event-ID` has missed, for others a snapshot, then
 * whatever happens. Nothing is kept for a client but its position: one that reads too slowly is told `reset`, and
 * gets a snapshot, once it reads on.
 */
export function sendEvents(ctx: Context, feed: EventFeed, clock: Clock): void {
  sendEventHeaders(ctx);
  const lastEventId = ctx.get('Last-Event-ID');
  new EventStream(ctx, feed, clock).open(lastEventId === '' ? undefined : lastEventId);
}

/** Answers as {@link sendEvents} does, without a body as yet: all there is to say to a HEAD request. */
export function sendEventHeaders(ctx: Context): void {
  ctx.respond = false; // Koa would buffer nothing either, but report every client that leaves as an error
  ctx.status = 200;
  ctx.set(HEADERS);
  if (ctx.method === 'HEAD') ctx.res.end();
}

class EventStream implements JournalReader {
  readonly #socket: Socket;
  readonly #res: ServerResponse;
  readonly #feed: EventFeed;
  readonly #clock: Clock;
  #ping: Timer | undefined;
  #cutOff: Timer | undefined;
  #position = 0;
  #contains: FeedSnapshot['contains'];
  /** What keeps it from writing: nothing, a full socket, a snapshot on its way, the end. */
  #state: 'ready' | 'blocked' | 'fetching' | 'over' = 'ready';
  #blockedPings = 0;

  constructor({ req, res }: Context, feed: EventFeed, clock: Clock) {
    this.#socket = req.socket;
    this.#res = res;
    this.#feed = feed;
    this.#clock = clock;
  }

  open(lastEventId: string | undefined): void {
    const res = this.#res;
    res.on('close', () => this.#close());
    res.on('drain', () => this.#unblock());
    res.on('error', () => res.destroy());
    if (res.destroyed) {
      this.#close();
      return;
    }
    this.#feed.journal.subscribe(this);
    this.#ping = this.#clock.after(PING_MS, this.#beat);
    this.#write(RETRY_FRAME);
    const position = lastEventId === undefined ? undefined : this.#feed.resumeAt(lastEventId);
    if (position === undefined) {
      this.#restart({ missed: lastEventId !== undefined });
    } else {
      this.#position = position;
      this.#flush();
    }
  }

  wake(): void {
    if (this.#state === 'ready') this.#flush();
    else if (this.#feed.journal.ended) this.#limitPatience();
  }

  #flush(): void {
    const { journal } = this.#feed;
    while (this.#state === 'ready') {
      if (this.#position < journal.first) {
        this.#restart({ missed: true });
        return;
      }
      const entry = journal.at(this.#position);
      if (entry === undefined) break;
      if (this.#wants(entry)) this.#write(entry.frame);
      this.#position += 1;
    }
    if (this.#state === 'ready' && journal.ended) this.#end();
  }

  #wants(entry: JournalEntry): boolean {
    return this.#feed.accepts(entry) && this.#contains?.(entry, this.#position) !== true;
  }

  /** Goes on from a snapshot. */
  #restart({ missed }: { readonly missed: boolean }): void {
    if (missed) this.#write(toFrame('reset', '{}'));
    this.#state = 'fetching';
    this.#feed.snapshot().then(
      (snapshot) => this.#goOn(snapshot),
      // The store cannot be reached: the client will come back. Koa reports what an answer was broken with.
      (error: unknown) => this.#res.destroy(error instanceof Error ? error : undefined),
    );
  }

  #goOn(snapshot: FeedSnapshot | undefined): void {
    if (this.#state === 'over') return;
    this.#state = 'ready';
    if (snapshot === undefined) {
      this.#end();
      return;
    }
    this.#position = snapshot.position;
    this.#contains = snapshot.contains;
    this.#write(snapshot.frame);
    this.#flush();
  }

  #write(frame: string): void {
    if (this.#state === 'over' || this.#res.destroyed) return;
    if (!this.#res.write(frame) && this.#state === 'ready') this.#state = 'blocked';
  }

  #unblock(): void {
    this.#blockedPings = 0;
    if (this.#cutOff !== undefined) this.#limitPatience();
    if (this.#state !== 'blocked') return;
    this.#state = 'ready';
    this.#flush();
  }

  readonly #beat = (): void => {
    // Node tells the answer under way that its connection is gone, but none of those that wait behind it.
    if (this.#socket.destroyed) {
      this.#close();
      return;
    }
    this.#ping = this.#clock.after(PING_MS, this.#beat);
    if (!this.#res.writableNeedDrain) this.#write(PING_FRAME);
    else if (++this.#blockedPings >= MAX_BLOCKED_PINGS) this.#res.destroy();
  };

  #end(): void {
    this.#release();
    this.#res.end(this.#feed.farewell());
    this.#limitPatience();
  }

  /** One that does not read to the end must not hold up a server that wants to close. */
  #limitPatience(): void {
    this.#cutOff?.cancel();
    this.#cutOff = this.#clock.after(LINGER_MS, () => this.#res.destroy());
    this.#cutOff.unref();
  }

  #close(): void {
    if (this.#state !== 'over') this.#release();
    this.#cutOff?.cancel();
  }

  #release(): void {
    this.#state = 'over';
    this.#ping?.cancel();
    this.#feed.journal.unsubscribe(this);
    this.#feed.release();
  }
}
