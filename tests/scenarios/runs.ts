import type { RunResource } from '../../src/http-api/run-resource.js';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkPackages, type ServerProgram } from './program.js';

/** Starts a run, as any client would. */
export async function startRun(server: ServerProgram, body: object): Promise<RunResource> {
  return runOf(
    await fetch(`${server.url}/process`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

/** Imports products from CSV, or the records of another task. */
export async function importProducts(
  server: ServerProgram,
  csv: string | Uint8Array<ArrayBuffer>,
  task = 'import-products',
): Promise<RunResource> {
  return runOf(
    await fetch(`${server.url}/process/${task}/import`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/csv' },
      body: csv,
    }),
  );
}

/**
 * Writes a module with the task `slow-product` into the folder: it takes 10 ms over each record, so that on no machine
 * an import ends before the test has looked, and fails where the handle is missing.
 *
 * @returns what `serve` needs to be told.
 */
export async function slowProducts(folder: string): Promise<string[]> {
  await linkPackages(folder);
  const source = `import { defineTask } from 'errand';
    import { setTimeout as sleep } from 'node:timers/promises';
    export const slow = defineTask({ name: 'slow-product', handler: async ({ Handle }) => {
      await sleep(10);
      if (Handle === '') throw new Error('The handle is missing');
    } });`;
  await writeFile(join(folder, 'slow.mjs'), source);
  return ['--tasks', 'slow.mjs'];
}

/** The run, once it has ended: at most 30 seconds later. */
export async function finished(server: ServerProgram, run: RunResource): Promise<RunResource> {
  return runOf(await fetch(server.url + run.links.self, { headers: { Prefer: 'wait=30' } }));
}

/** The run as it is now. */
export async function look(server: ServerProgram, run: RunResource): Promise<RunResource> {
  return runOf(await fetch(server.url + run.links.self));
}

/** Cancels a run, and waits until it has ended. */
export async function cancel(server: ServerProgram, run: RunResource, reason: string): Promise<RunResource> {
  const url = `${server.url}${run.links.self}?reason=${encodeURIComponent(reason)}`;
  return runOf(await fetch(url, { method: 'DELETE', headers: { Prefer: 'wait=10' } }));
}

async function runOf(answer: Response): Promise<RunResource> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return JSON.parse(text) as RunResource;
}

/** One server-sent event. */
export interface SentEvent {
  readonly id: string;
  readonly event: string;
  /** Its data, parsed. */
  readonly data: Partial<RunResource>;
}

/** The events of a stream until it ends. */
export async function* eventsOf(answer: Response): AsyncGenerator<SentEvent, undefined, undefined> {
  if (answer.body === null) throw new Error('there is no stream');
  let text = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseEvent(block: string): SentEvent | undefined {
  const fields = new Map(block.split('\n').map((line) => splitAt(line, ': ')));
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return {
    id: fields.get('id') ?? '',
    event: fields.get('event') ?? '',
    data: JSON.parse(data) as Partial<RunResource>,
  };
}

function splitAt(line: string, mark: string): [string, string] {
  const at = line.indexOf(mark);
  return [line.slice(0, at), line.slice(at + mark.length)];
}
