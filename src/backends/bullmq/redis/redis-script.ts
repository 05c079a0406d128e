import type { Redis } from 'ioredis';
import { nodeCrypto } from '../../../timing/node-crypto.js';
import type { FleetServer } from '../server/fleet-server.js';

/** Lua that runs on the server as one step. Its first argument is always the prefix of our keys: `key` puts it before. */
export class RedisScript {
  /** What it does, for messages: "Run … on Redis". */
  readonly what: string;
  readonly lua: string;
  readonly sha: string;

  constructor(what: string, ...parts: readonly string[]) {
    this.what = what;
    this.lua = [KEY, ...parts].join('\n');
    this.sha = nodeCrypto().createHash('sha1').update(this.lua).digest('hex');
  }
}

const KEY = `
local function key(...) return ARGV[1] .. ':' .. table.concat({...}, ':') end
local function at(number) return string.format('%.17g', number) end
`;

/** What an answer of a script may be: Lua's false is null, and its numbers are cut to integers. */
export type Reply = string | number | null | readonly Reply[];

/** What the parts of the book share. */
export interface RedisBookParts {
  /** The connection that BullMQ uses, too: what is sent first is done first. Never sends a command twice. */
  readonly client: Redis;
  /** Before the names of all our keys. */
  readonly prefix: string;
  /** Makes a call in this turn, under the deadline. */
  readonly call: FleetServer['call'];
}

/** Runs scripts and plain commands under the deadline. */
export class RedisServer {
  readonly client: Redis;
  readonly #prefix: string;
  readonly call: FleetServer['call'];

  constructor({ client, prefix, call }: RedisBookParts) {
    this.client = client;
    this.#prefix = prefix;
    this.call = call;
  }

  key(...names: readonly string[]): string {
    return [this.#prefix, ...names].join(':');
  }

  /** @throws {TaskError} BACKEND when it fails or takes too long. */
  run(script: RedisScript, args: readonly (string | number)[] = []): Promise<Reply> {
    return this.call(script.what, () => this.#run(script, args));
  }

  /** The same for scripts that answer with a list. */
  async list(script: RedisScript, args: readonly (string | number)[] = []): Promise<readonly Reply[]> {
    return listOf(await this.run(script, args));
  }

  async #run({ sha, lua }: RedisScript, args: readonly (string | number)[]): Promise<Reply> {
    try {
      return (await this.client.evalsha(sha, 0, this.#prefix, ...args)) as Reply;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return (await this.client.eval(lua, 0, this.#prefix, ...args)) as Reply;
    }
  }
}

/** A text of a reply; empty where there is none. */
export function textOf(reply: Reply | undefined): string {
  return typeof reply === 'string' ? reply : '';
}

/** A text of a reply, where there is one. */
export function textOrNull(reply: Reply | undefined): string | null {
  return typeof reply === 'string' ? reply : null;
}

/** A list within a reply. */
export function listOf(reply: Reply | undefined): readonly Reply[] {
  return typeof reply === 'object' && reply !== null ? reply : [];
}
