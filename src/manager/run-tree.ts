import type { Backend, StoredRun } from '../ports/backend.js';
import type { Run } from '../task/run.js';

/** How many runs a tree shows. */
const MOST_RUNS = 1_000;

/** A run, and the runs that it has started, in the order in which they were accepted. */
export interface RunBranch {
  readonly run: Run;
  /** Those whose records are kept. */
  readonly children: readonly RunBranch[];
}

/** What `tree` gives: at most 1,000 runs, those nearest to the first one. */
export interface RunTree extends RunBranch {
  /** Whether there are more runs below than are shown. */
  readonly truncated: boolean;
}

interface TreeSource {
  readonly backend: Backend;
  find(id: string): Promise<StoredRun | undefined>;
}

/** The tree of runs below the one of this id. Each run is as it was when it was looked at. */
export async function treeOf(source: TreeSource, id: string): Promise<RunTree | undefined> {
  const root = await source.find(id);
  return root && below(root, source.backend);
}

async function below(root: StoredRun, backend: Backend): Promise<RunTree> {
  const children: RunBranch[] = [];
  let level = [{ run: root, children }];
  let shown = 1;
  while (level.length > 0) {
    const next: typeof level = [];
    for (const parent of level) {
      for (const run of await backend.childrenOf(parent.run, 'all')) {
        if (shown === MOST_RUNS) return { run: root.snapshot(), children, truncated: true };
        shown += 1;
        const ofRun: RunBranch[] = [];
        parent.children.push({ run: run.snapshot(), children: ofRun });
        next.push({ run, children: ofRun });
      }
    }
    level = next;
  }
  return { run: root.snapshot(), children, truncated: false };
}
