import type { FleetMessage } from './fleet-server.js';

/** Who wants to hear what the other processes tell, and when their server is back. */
export class FleetListeners {
  readonly onMessage: ((message: FleetMessage) => void)[] = [];
  readonly onBack: (() => void)[] = [];

  back(): void {
    for (const listener of this.onBack) listener();
  }
}
