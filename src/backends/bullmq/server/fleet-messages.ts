import type { Relay, RelayMessage, RelaySubscription } from 'bullmq';
import type { FleetListeners } from './fleet-listeners.js';
import type { FleetMessage } from './fleet-server.js';

/** What a message may weigh, in bytes: those who make them keep them well below. */
export const MAX_MESSAGE_BYTES = 256 * 1_024;
/** How many messages a process may be behind before its oldest are dropped. */
export const MAX_UNREAD_MESSAGES = 1_000;

/** What every process hears. */
const FLEET = 'fleet';
/** What those hear that listen: nobody else's connection is burdened with it. */
const EVENTS = 'events';

/** BullMQ's `Relay`, whatever it connects with. */
type FleetRelay = Pick<Relay, 'waitUntilReady' | 'subscribe' | 'publish' | 'close' | 'on'>;

/** The messages of a fleet, by way of BullMQ's `Relay`: one that cannot be sent, or comes garbled, is dropped. */
export class FleetMessages {
  readonly #relay: FleetRelay;
  readonly #listeners: FleetListeners;
  #events: Promise<RelaySubscription> | undefined;

  /** @param listeners told each message, and when messages may have been missed. They must not throw. */
  constructor(relay: FleetRelay, listeners: FleetListeners) {
    this.#relay = relay;
    this.#listeners = listeners;
    this.#relay.on('error', () => undefined); // it tries again by itself
    this.#relay.on('recovered', () => listeners.back());
  }

  /** Resolves as soon as this process hears. */
  async open(): Promise<void> {
    await this.#relay.waitUntilReady();
    await this.#subscribe(FLEET);
  }

  publish(message: FleetMessage): void {
    this.#send(message).catch(() => undefined);
  }

  /** May take as long as the server likes. */
  async close(): Promise<void> {
    await this.#relay.close().catch(() => undefined);
  }

  async #send(message: FleetMessage): Promise<void> {
    if (message.type === 'listening') await this.#hearEvents(message.forMs > 0);
    await this.#relay.publish(message.type === 'events' ? EVENTS : FLEET, message);
  }

  /** Before the others are told that this process listens, it does. */
  async #hearEvents(wanted: boolean): Promise<void> {
    const before = this.#events;
    if (wanted === (before !== undefined)) {
      await before;
      return;
    }
    this.#events = wanted ? this.#subscribe(EVENTS) : undefined;
    this.#events?.catch(() => (this.#events = undefined));
    await (await before)?.unsubscribe();
    await this.#events;
  }

  #subscribe(topic: string): Promise<RelaySubscription> {
    return this.#relay.subscribe(topic, (message: RelayMessage) => this.#hear(message.data));
  }

  #hear(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('type' in message)) return;
    for (const listener of this.#listeners.onMessage) listener(message as FleetMessage);
  }
}
