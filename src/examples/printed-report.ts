import { z } from 'zod';
import { chain, defineTask, defineWorkflow } from 'errand';
import { slowReport } from './slow-report.js';

/** Takes what `slow-report` returns. */
const printReport = defineTask({
  name: 'print-report',
  input: z.strictObject({ steps: z.int() }),
  handler: ({ steps }) => `A report of ${steps} steps`,
});

/** A chain: makes a slow report, and prints what came of it. Its parts are child runs: `GET /process/{id}?tree=1`. */
export const printedReport = defineWorkflow({ name: 'printed-report' }, chain(slowReport, printReport));
