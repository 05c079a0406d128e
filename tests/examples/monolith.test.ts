import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { listening, programs, ROOT, type ServerProgram } from '../scenarios/program.js';
import { temporaryFolders } from '../temporary-folder.js';

const makeFolder = temporaryFolders();
const start = programs();
let shop: ServerProgram;
let folder: string;

beforeEach(async () => {
  const main = join(ROOT, 'dist/examples/monolith.js');
  folder = await makeFolder();
  shop = await listening(start(process.execPath, [main], { cwd: folder, env: { PORT: '0' } }));
});

interface Call extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signedIn?: boolean;
}

async function call(path: string, { signedIn = true, headers = {}, ...init }: Call = {}): Promise<[number, unknown]> {
  const token: Record<string, string> = signedIn ? { Authorization: 'Bearer open-sesame' } : {};
  const answer = await fetch(shop.url + path, { ...init, headers: { ...headers, ...token } });
  const text = await answer.text();
  return [answer.status, text === '' ? undefined : (JSON.parse(text) as unknown)];
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('the monolith', () => {
  it('has the manager and its routes mounted with five lines', async () => {
    const source = await readFile(join(ROOT, 'src/examples/monolith.ts'), 'utf8');
    expect([...source.matchAll(/line (\d) of 5/gi)].map(([, number]) => number)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('lets only those start, see and cancel runs who are signed in', async () => {
    const body = JSON.stringify({ task: 'slow-report' });
    const refused = [401, { error: 'Sign in first' }];
    expect(await call('/process', { signedIn: false })).toEqual(refused);
    expect(await call('/process', { signedIn: false, method: 'POST', headers: JSON_TYPE, body })).toEqual(refused);
    expect(await call('/process')).toEqual([200, { items: [] }]);
  });

  it('runs work that was started behind its own body parser', async () => {
    const body = JSON.stringify({ task: 'slow-report', input: { steps: 2, stepMs: 10 } });
    const headers = { ...JSON_TYPE, Prefer: 'wait=10' };
    const [status, run] = await call('/process', { method: 'POST', headers, body });
    expect([status, run]).toMatchObject([200, { status: 'completed', result: { steps: 2 } }]);
  });

  it('refuses packed bodies before they come to its body parser, which one that is broken would end it through', async () => {
    const body = gzipSync(JSON.stringify({ order: 'x'.repeat(1_066_000) }));
    body.fill(0, body.length - 8); // its checksum and its length
    const headers = { ...JSON_TYPE, 'Content-Encoding': 'gzip' };
    const refused = [415, { error: 'Expected a body without Content-Encoding' }];
    expect(await call('/orders', { method: 'POST', headers, body })).toEqual(refused);
    expect(await call('/')).toMatchObject([200, {}]);
  });

  it('cancels what is at work', async () => {
    const body = JSON.stringify({ task: 'slow-report', id: 'report' });
    expect(await call('/process', { method: 'POST', headers: JSON_TYPE, body })).toMatchObject([202, { id: 'report' }]);
    const cancelled = await call('/process/report', { method: 'DELETE', headers: { Prefer: 'wait=5' } });
    expect(cancelled).toMatchObject([200, { status: 'cancelled' }]);
  });

  it('sells what an import has brought', async () => {
    expect(await call('/')).toEqual([200, { shop: 'Tidemark Goods', products: 0 }]);
    const csv = new Uint8Array(await readFile(join(ROOT, 'src/examples/data/products.csv')));
    const headers = { 'Content-Type': 'text/csv' };
    const [status, run] = await call('/process/import-products/import', { method: 'POST', headers, body: csv });
    expect(status).toBe(202);
    const done = await call((run as RunResource).links.self, { headers: { Prefer: 'wait=10' } });
    expect(done).toMatchObject([200, { result: { total: 57, succeeded: 55, failed: 2 } }]);
    expect(await call('/products/linen-apron')).toMatchObject([
      200,
      { title: 'Linen Apron', vendor: 'Fernwick & Daughters' },
    ]);
  });

  it('keeps its own routes, its own parser and its own answers to errors', async () => {
    const order = { product: 'linen-apron' };
    const sent = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(order) };
    expect(await call('/orders', sent)).toEqual([201, { number: 1, order }]);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const asForm = { method: 'POST', headers: form, body: 'product=linen-apron' };
    expect(await call('/orders', asForm)).toEqual([201, { number: 2, order }]);
    expect(await call('/products/none')).toEqual([404, { error: 'There is no such product' }]);
    const [status, problem] = await call('/process/none');
    expect([status, problem]).toMatchObject([404, { code: 'RUN_NOT_FOUND' }]);
    expect((await fetch(`${shop.url}/none`, { headers: { Authorization: 'Bearer open-sesame' } })).status).toBe(404);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('lets running work end on %s, and leaves no files behind', async (signal) => {
    const rows = new TextEncoder().encode(`Handle,Title\n${'mug,Mug\n'.repeat(20_000)}`);
    const upload = { method: 'POST', headers: { 'Content-Type': 'text/csv' }, body: rows };
    expect((await call('/process/import-products/import', upload))[0]).toBe(202);
    expect(await readdir(join(folder, 'data/files'))).toHaveLength(1);
    const body = JSON.stringify({ task: 'slow-report', id: 'report', input: { steps: 6, stepMs: 100 } });
    await call('/process', { method: 'POST', headers: JSON_TYPE, body });
    const headers = { Authorization: 'Bearer open-sesame' };
    const events = await fetch(`${shop.url}/process/report/events`, { headers });
    shop.kill(signal);
    expect(await events.text()).toMatch(/event: done\ndata: .*"status":"completed"/);
    expect(await shop.ended).toMatchObject({ code: 0, signal: null });
    expect(await readdir(join(folder, 'data/files'))).toEqual([]);
  });
});
