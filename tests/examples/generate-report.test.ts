import { readdir } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { generateReport } from '../../src/examples/reports/generate-report.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { programs, startServer } from '../scenarios/program.js';
import { finished, startRun } from '../scenarios/runs.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

const makeFolder = temporaryFolders();
const start = programs();
let folder: string;
let files: FileStore;
let manager: TaskManager;

beforeEach(async () => {
  folder = await makeFolder();
  files = fileFolder({ folder });
  manager = new TaskManager({ tasks: [generateReport], files });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await files.close();
});

/** What is in the folder, its own marks aside. */
async function stored(): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return names.filter((each) => each.isFile() && !each.name.startsWith('.')).map(({ name }) => name);
}

function pagesOf(pdf: Buffer): number {
  const text = pdf.toString('latin1');
  expect([text.slice(0, 5), text.trimEnd().slice(-5)]).toEqual(['%PDF-', '%%EOF']);
  return Number(/\/Type \/Pages\s+\/Count (\d+)/.exec(text)?.[1]);
}

describe('generate-report', () => {
  it('makes a PDF of as many pages as it is told, with progress after each', async () => {
    const run = await manager.start(generateReport, { title: 'Bestellungen für März', pages: 12 });
    const { name, type, bytes, stream } = await run.file();
    const pdf = await buffer(stream);
    expect({ name, type, bytes }).toEqual({ name: 'report.pdf', type: 'application/pdf', bytes: pdf.length });
    expect(pagesOf(pdf)).toBe(12);
    expect(await run.snapshot()).toMatchObject({ status: 'completed', progress: { done: 12, total: 12 } });
  });

  it('leaves nothing of the file behind when it is cancelled half-way', async () => {
    const run = await manager.start(generateReport, { pages: 5_000 });
    await until(async () => ((await run.snapshot())?.progress?.done ?? 0) > 5 && (await stored()).length === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false, result: undefined });
    await until(async () => (await stored()).length === 0);
  });

  it('is downloaded from the server', async () => {
    const server = await startServer(start, ['--examples'], { cwd: await makeFolder() });
    const run = await startRun(server, { task: 'generate-report', input: { pages: 3 } });
    expect(await finished(server, run)).toMatchObject({ result: { file: { name: 'report.pdf' } } });
    const answer = await fetch(`${server.url}${run.links.self}/result`);
    expect(answer.headers.get('content-type')).toBe('application/pdf');
    expect(answer.headers.get('content-disposition')).toContain('attachment; filename="report.pdf"');
    expect(pagesOf(Buffer.from(await answer.arrayBuffer()))).toBe(3);
  });

  it.each([{ pages: 0 }, { pages: 5_001 }, { title: 'a\nb' }, { title: '漢字' }, { title: '' }, { name: '../x' }])(
    'refuses %j',
    async (input) => {
      await expect(manager.startNamed('generate-report', input)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    },
  );
});
