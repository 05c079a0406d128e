import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processFolderName, removeDeadFolders } from '../../../src/backends/files/process-folder.js';
import { temporaryFolders } from '../../temporary-folder.js';

const temporaryFolder = temporaryFolders();

/** A folder with these sub-folders, each with a file in it. */
async function folderWith(...names: string[]): Promise<string> {
  const parent = await temporaryFolder();
  for (const name of names) {
    await mkdir(join(parent, name));
    await writeFile(join(parent, name, 'file'), 'x');
  }
  return parent;
}

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('folders of processes', () => {
  test('are named anew each time', () => {
    expect(processFolderName()).not.toBe(processFolderName());
    expect(processFolderName()).toMatch(new RegExp(`^${process.pid}\\.\\d+\\.[0-9a-f]{8}$`));
  });

  test('are removed when their process has ended', async () => {
    const parent = await folderWith(`${await deadPid()}.1234.0a1b2c3d`);
    await removeDeadFolders(parent);
    expect(await readdir(parent)).toEqual([]);
  });

  test('are kept while their process lives: this one, or another', async () => {
    const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(other, 'spawn');
    const stat = await readFile(`/proc/${other.pid}/stat`, 'latin1').catch(() => '');
    const mark = stat === '' ? '1' : (stat.split(') ')[1]?.split(' ')[19] ?? '');
    const names = [processFolderName(), `${other.pid}.${mark}.00000000`].sort();
    const parent = await folderWith(...names);
    await removeDeadFolders(parent);
    expect((await readdir(parent)).sort()).toEqual(names);
    other.stdin.end();
    await once(other, 'exit');
  });

  const tellsStarts = process.platform === 'linux' ? test : test.skip;
  tellsStarts('are removed when another process has got the pid of theirs', async () => {
    const parent = await folderWith(`${process.pid}.1.00000000`);
    await removeDeadFolders(parent);
    expect(await readdir(parent)).toEqual([]);
  });

  test('are all that is removed', async () => {
    const pid = await deadPid();
    const names = ['errand.db', `${pid}`, `${pid}.1`, `${pid}.1.xyz`, `x${pid}.1.00000000`].sort();
    const parent = await folderWith(...names);
    await removeDeadFolders(parent);
    expect((await readdir(parent)).sort()).toEqual(names);
  });
});
