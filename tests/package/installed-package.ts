import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** What the tests read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** What a program printed, and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The package as a user gets it: packed, and installed into a project of its own. */
export interface InstalledPackage {
  readonly manifest: Manifest;
  /** The files of the tarball, from the package's top. */
  readonly files: readonly string[];
  /** What a user writes to import each module: `errand`, `errand/koa` … */
  readonly subpaths: readonly string[];
  /** The installed package's folder. */
  readonly folder: string;
  /** Runs Node in the project. */
  node(args: readonly string[]): Promise<Outcome>;
  /** Puts a file into the project. */
  write(name: string, text: string): Promise<void>;
  /** The text of a file of the installed package. */
  read(name: string): Promise<string>;
  remove(): Promise<void>;
}

/**
 * Packs what `npm run build` has left in `dist/` and installs the tarball from the registry's real dependencies, with
 * the types of Node beside it, as a project in TypeScript has them.
 */
export async function installPackage(): Promise<InstalledPackage> {
  if (!existsSync(join(root, 'dist')))
    throw new Error('there is no dist/: run `npm run build` first, as `npm test` does');
  const manifest = await readManifest(join(root, 'package.json'));
  const project = await mkdtemp(join(tmpdir(), 'errand-package-'));
  const tarball = await pack(project);
  await writeFile(join(project, 'package.json'), '{ "name": "a-user", "private": true, "type": "module" }\n');
  const nodeTypes = `@types/node@${manifest.devDependencies['@types/node'] ?? 'latest'}`;
  await npm(['install', '--no-audit', '--no-fund', '--ignore-scripts', `./${tarball.filename}`, nodeTypes], project);
  const folder = join(project, 'node_modules', manifest.name);
  return {
    manifest,
    files: tarball.files.map(({ path }) => path),
    subpaths: subpathsOf(manifest),
    folder,
    node: (args) => run(process.execPath, args, project),
    write: async (name, text) => {
      await mkdir(join(project, name, '..'), { recursive: true });
      await writeFile(join(project, name), text);
    },
    read: (name) => readFile(join(folder, name), 'utf8'),
    remove: () => rm(project, { recursive: true, force: true }),
  };
}

/** Reads a package.json. */
export async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(path, 'utf8')) as Manifest;
}

function subpathsOf(manifest: Manifest): string[] {
  return Object.keys(manifest.exports)
    .filter((subpath) => !subpath.endsWith('.json'))
    .map((subpath) => manifest.name + subpath.slice(1));
}

interface Tarball {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

async function pack(destination: string): Promise<Tarball> {
  // Without scripts: `prepack` would take dist/ away from the tests that run beside this one.
  const printed = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', destination], root);
  const [tarball] = JSON.parse(printed) as Tarball[];
  if (tarball === undefined) throw new Error(`npm pack made no tarball; it printed ${printed}`);
  return tarball;
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run('npm', args, cwd);
  if (code !== 0) throw new Error(`npm ${args.join(' ')} ended with ${code}: ${stderr || stdout}`);
  return stdout;
}

function run(program: string, args: readonly string[], cwd: string): Promise<Outcome> {
  // The options that jest itself was started with are not for a user's program.
  const env = { ...process.env, NODE_OPTIONS: '' };
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr: error === null || stderr !== '' ? stderr : error.message });
    });
  });
}
