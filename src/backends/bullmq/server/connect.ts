import type { Logger } from '../../../ports/logger.js';
import type { BullmqSettings } from '../bullmq-options.js';
import type { FleetServer } from './fleet-server.js';
import { PostgresServer } from '../postgres/postgres-server.js';
import { RedisServer } from '../redis/redis-server.js';

/** The server that the connection's URL is one of, not open yet: its packages are loaded when it is opened. */
export function serverFor(settings: BullmqSettings, logger: Logger | undefined): FleetServer {
  return settings.server === 'redis' ? new RedisServer({ settings, logger }) : new PostgresServer({ settings, logger });
}
