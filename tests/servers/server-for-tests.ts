import { afterAll, describe, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A kind of server, and where it may be found. */
export interface ServerKind {
  readonly name: string;
  /** The variable of the environment that names one. */
  readonly variable: string;
  /** Where one is on most machines that have one. */
  readonly standard: readonly string[];
  readonly isUsable: (url: string) => Promise<boolean>;
  /** Why none can be started, where that is so. */
  readonly missing: string | undefined;
  /** Starts one that keeps its data in a folder. */
  readonly start: (dir: string) => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>;
}

/** A server that the tests of a file may use. */
export interface ServerForTests {
  /** Where it is; empty where there is none, and no test of `describe` runs then. */
  readonly url: string;
  /**
   * As jest's. Where there is no server the tests are skipped, and their name says why; where `CI` is set that is a
   * failure.
   */
  readonly describe: (name: string, body: () => void) => void;
}

/** Finds a server, or starts one until the tests of this file are over. */
export async function serverForTests(kind: ServerKind): Promise<ServerForTests> {
  const named = process.env[kind.variable];
  if (named) return there(named);
  for (const url of kind.standard) if (await kind.isUsable(url)) return there(url);
  return kind.missing === undefined ? there(await startOwn(kind)) : notThere(kind, kind.missing);
}

function there(url: string): ServerForTests {
  return { url, describe };
}

function notThere({ name, variable }: ServerKind, missing: string): ServerForTests {
  return {
    url: '',
    describe: describeWhereThere(name, `${missing}, none answers on its standard port, and ${variable} is not set`),
  };
}

/** As jest's `describe`; where something is missing its tests are skipped, or fail, and their name says why. */
export function describeWhereThere(server: string, missing: string | undefined): ServerForTests['describe'] {
  if (missing === undefined) return describe;
  const reason = `there is no ${server}: ${missing}`;
  if (!process.env['CI']) console.warn(`Tests are skipped: ${reason}`);
  return (name, body) => {
    if (!process.env['CI']) describe.skip(`${name} (skipped: ${reason})`, body);
    else
      describe(name, () => {
        it(`has a ${server}`, () => {
          throw new Error(reason);
        });
      });
  };
}

async function startOwn({ start }: ServerKind): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-server-'));
  const { url, stop } = await start(dir);
  afterAll(async () => {
    await stop();
    await rm(dir, { recursive: true, force: true });
  });
  return url;
}
